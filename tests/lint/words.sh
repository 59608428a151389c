#!/bin/sh
# SPDX-License-Identifier: MIT
# Every word that a program can say, or be told, stands in the man page that explains it:
# - outcomes, error codes, causes and their reasons, states, changes, refusals, endpoints, metrics, members
#   of JSON documents and of the access log (as words.c prints them);
# - weirctl's commands, and every program's options (as -h prints them);
# - exit codes, request and response headers, variables of the environment, fields of the log (as the sources
#   have them).
# And the pages are good mdoc, where mandoc is installed. The keys of the configuration are the affair of conf_docs.sh.
# Run by `make check` in the build directory; alone: srcdir=TOP tests/lint/words.sh
set -u
top=${srcdir:-.}
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
faults=0
words=$(pwd)/tests/lint/words
sample=$(cd "$top" && pwd)/etc/weir.yaml

# want PAGE: each line of the input is a word of that page.
want() { sed "s/^/$1	/" >> "$tmp/words"; }

# sources PROGRAM: what it is built from, apart from what all of them have in common.
sources()
{
    case $1 in
    weir) find "$top/server" -name '*.c' ;;
    weirctl) find "$top/trackerd/weirctl" -name '*.c' ;;
    weir-trackerd) find "$top/trackerd" -name '*.c' ! -path '*/weirctl/*' ;;
    weir-sim) find "$top/tests/sim" -name '*.c' ;;
    esac
}

# enough FILE MINIMUM WHAT: a rule that finds fewer lines than that finds no longer what it is for.
enough()
{
    [ "$(wc -l < "$1")" -ge "$2" ] || { echo "too few $3: the rule that finds them is broken"; exit 1; }
}

(cd "$tmp" && "$words" "$sample") > "$tmp/words" || { echo 'words does not run'; exit 99; }

./weirctl -h | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p' > "$tmp/commands"
[ "$(wc -l < "$tmp/commands")" -ge 9 ] || { echo 'too few commands: weirctl -h is in another form now'; exit 1; }
want weirctl.8 < "$tmp/commands"

for program in weir weir-trackerd weirctl weir-sim; do
    page=$program.8
    [ $program != weir-sim ] || page=$program.1
    "./$program" -h | grep -oE -- '-(-[a-z-]+|[a-zA-Z])\b' | grep -E '^-(-|.$)' | want "$page"
    sources $program > "$tmp/sources"
    enough "$tmp/sources" 5 "sources of $program"
    # Both daemons end as common/process/ says, too.
    case $page in
    weir.8 | weir-trackerd.8) find "$top/common/process" -name '*.c' >> "$tmp/sources" ;;
    esac
    # _exit() is for processes between two others, which nobody outside sees.
    xargs grep -hv '\b_exit(' < "$tmp/sources" | grep -oE '\bEX_[A-Z]+\b' | sort -u |
        sed '1i #include <sysexits.h>' | ${CC:-cc} -E - | sed -n 's/^ *\([0-9][0-9]*\)$/exit \1/p' > "$tmp/codes"
    enough "$tmp/codes" 3 "exit codes in the sources of $program"
    want "$page" < "$tmp/codes"
    xargs grep -hoE 'getenv\("[A-Z_]+"\)' < "$tmp/sources" | cut -d '"' -f 2 | grep -vE '^WEIR_(KILL|STOP)_AT$' | want "$page"
    [ $program != weir-sim ] || continue
    xargs grep -hoE 'LOG_(STR|INT)\("[A-Za-z]+"' < "$tmp/sources" | cut -d '"' -f 2 | sort -u > "$tmp/fields"
    [ $program = weirctl ] || enough "$tmp/fields" 3 "fields of the log in the sources of $program"
    want "$page" < "$tmp/fields"
done
find "$top/server" -name '*.c' -exec grep -ohE '\bX-Weir-[A-Za-z]+' {} + | sort -u > "$tmp/headers"
enough "$tmp/headers" 5 'headers of ours'
want weir.8 < "$tmp/headers"
[ "$(wc -l < "$tmp/words")" -ge 250 ] || { echo 'too few words: a rule is broken'; exit 1; }

# A page as one line without macros, each run of blanks one blank. An option is `Fl x`, an exit code an
# item below EXIT STATUS.
for page in weir.8 weir-table.7 weirctl.8 weir-trackerd.8 weir-sim.1; do
    awk '
        /^\.S[hs] / { status = $2 == "EXIT" }
        status && /^\.It [0-9]+$/ { print "exit", $2 }
        { print }
    ' "$top/man/$page" | sed -E 's/-width .*//; s/\bFl (Fl )?-?([a-zA-Z])\b/-\2 &/g; s/\bFl (Fl |-)([a-z-]+)/--\2 &/g
        s/^\.[A-Z][A-Za-z]* ?//; s/"//g; s/ Ns / /g' | tr -s ' \n' '  ' > "$tmp/$page"
done
sort -u "$tmp/words" > "$tmp/sorted"
while IFS='	' read -r page word; do
    if ! grep -qwF -- "$word" "$tmp/$page"; then
        echo "man/$page lacks: $word"
        faults=$((faults + 1))
    fi
done < "$tmp/sorted"
if command -v mandoc > /dev/null; then
    # Other pages are not installed where these are being checked.
    mandoc -Tlint "$top"/man/*.[1-8] 2> /dev/null | grep -v 'referenced manual not found' > "$tmp/out"
    [ ! -s "$tmp/out" ] || { cat "$tmp/out"; faults=$((faults + 1)); }
fi
[ "$faults" -eq 0 ] || { echo "$faults faults: words of programs that are in no man page, or no good mdoc"; exit 1; }
echo "words: $(wc -l < "$tmp/sorted") words, all explained"
