#!/bin/sh
# SPDX-License-Identifier: MIT
# The documents name what is there:
# - every file that one of them names in `...` exists, from the top or from server/, trackerd/ or common/;
# - every link from one to another leads somewhere;
# - HACKING.md has a row for each room of rooms.txt, and for no other.
# Run by `make check`; alone: tests/lint/documents.sh [TOP].
set -u
top=${1:-${srcdir:-$(dirname "$0")/../..}}
cd "$top" || exit 99
faults=0
names=0

fault()
{
    printf '%s\n' "$1"
    faults=$((faults + 1))
}

# is_there PATTERN: as a path from one of these folders?
is_there()
{
    # shellcheck disable=SC2086 # it may be a pattern
    for place in $1 server/$1 trackerd/$1 common/$1; do
        [ ! -e "$place" ] || return 0
    done
    return 1
}

for document in ./*.md doc/*.md doc/decisions/*.md tests/README.md; do
    folder=$(dirname "$document")
    # A name with a folder in it, of a file or, with a slash behind it, of a folder.
    # shellcheck disable=SC2016 # the quotes are what is looked for
    for name in $(grep -o '`[^` ]*`' "$document" | tr -d '`' |
        grep -E '^(\.\./)?[a-z_0-9]+/[a-zA-Z0-9_./*-]*(/|\.(c|h|py|sh|md|mk|txt|yaml|awk|js|css|html|json|[1-8]))$' |
        sed 's|^\.\./||' | grep -vE '^(build|share)/' | sort -u); do
        names=$((names + 1))
        is_there "$name" || [ -e "$folder/$name" ] || [ -e "tests/$name" ] ||
            fault "$document names $name, which is not there"
    done
    # shellcheck disable=SC2013 # no blanks in links
    for link in $(grep -o '](\([^)#:]*\)[)#]' "$document" | sed 's/^](//; s/[)#]$//' | grep . | sort -u); do
        names=$((names + 1))
        [ -e "$folder/$link" ] || fault "$document links to $link, which is not there"
    done
done
[ "$names" -ge 100 ] || fault "only $names names found: the rule that finds them is broken"

rooms=$(sed -n 's/^\([a-z][^ #]*\).*/\1/p' tests/lint/rooms.txt | sort)
# shellcheck disable=SC2016 # the same
told=$(sed -n 's/^| `\([a-z]*\/[a-z.]*\)` |.*/\1/p' HACKING.md | sort)
[ "$rooms" = "$told" ] || fault "HACKING.md tells of these rooms, beside rooms.txt:
$told"

[ "$faults" -eq 0 ] || exit 1
echo "documents: $names names of files, all there"
