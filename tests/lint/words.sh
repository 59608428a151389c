#!/bin/sh
# Every word that a program can say stands in the man page that explains it: outcomes, causes and their
# reasons, states, changes, refusals (as words.c prints them), and weirctl's commands.
# Run by `make check` in the build directory; alone: srcdir=TOP tests/lint/words.sh
set -u
top=${srcdir:-.}
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
faults=0

tests/lint/words > "$tmp/words" || exit 99
./weirctl -h | sed -n 's/^  \([a-z][a-z]*\)  .*/weirctl.8	\1/p' >> "$tmp/words"
[ "$(wc -l < "$tmp/words")" -ge 70 ] || { echo 'too few words: words.c is broken'; exit 1; }

# A page as one line without macros, each run of blanks one blank.
for page in weir.8 weir-table.7 weirctl.8; do
    sed -E 's/^\.[A-Z][A-Za-z]* ?//; s/-width .*//; s/"//g' "$top/man/$page" | tr -s ' \n' '  ' > "$tmp/$page"
done
while IFS='	' read -r page word; do
    if ! grep -qwF -- "$word" "$tmp/$page"; then
        echo "man/$page lacks: $word"
        faults=$((faults + 1))
    fi
done < "$tmp/words"
[ "$faults" -eq 0 ]
