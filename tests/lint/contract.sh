#!/bin/sh
# SPDX-License-Identifier: MIT
# Every citation of the contract, `CONTRACT 4.2` or `CONTRACT 4.2, 5.1`, names a section that
# doc/contract.md has, and every decision that is cited, `doc/decisions/NNNN`, is there.
# Run by `make check`; alone: tests/lint/contract.sh [TOP].
set -u
top=${1:-${srcdir:-$(dirname "$0")/../..}}
cd "$top" || exit 99

cited=$(find common server trackerd tests man doc etc ./*.md -type f ! -path '*/corpus/*' ! -path '*/node_modules/*' \
    ! -name '*.o' ! -name '*.pyc' ! -name '*.log' ! -name '*.trs' ! -path tests/lint/contract.sh \
    -exec grep -HnIE 'CONTRACT( [0-9]|$)|doc/decisions/[0-9]' {} + | sort)
sections=$(sed -n 's/^##* \([0-9.]*[0-9]\)[. ].*/\1/p' doc/contract.md)

found=$(printf '%s\n' "$cited" | awk -v sections="$sections" '
    BEGIN {
        n = split(sections, list, "\n")
        for (i = 1; i <= n; i++)
            is_section[list[i]] = 1
        section = "[0-9]+([.][0-9]+)?"
        between = "(, | and |, and )"
    }
    {
        place = $0
        sub(/^[^:]*:[0-9]*:/, "", $0)
        place = substr(place, 1, length(place) - length($0) - 1)
    }
    /CONTRACT$/ { print place ": a citation that is broken over two lines" }
    {
        while (match($0, "CONTRACT " section "(" between section ")*")) {
            cites = substr($0, RSTART + 9, RLENGTH - 9)
            $0 = substr($0, RSTART + RLENGTH)
            n = split(cites, list, between)
            for (i = 1; i <= n; i++) {
                count++
                if (!(list[i] in is_section))
                    print place ": doc/contract.md has no section " list[i]
            }
        }
    }
    END {
        if (count < 30)
            print "only " count + 0 " citations found: the rule that finds them is broken"
    }')

decisions=$(printf '%s\n' "$cited" | sed -n 's|^\([^:]*:[0-9]*\):.*doc/decisions/\([0-9]*\).*|\1 \2|p')
missing=$(printf '%s\n' "$decisions" | while read -r place number; do
    [ -z "$number" ] || [ -n "$(find doc/decisions -name "$number-*.md")" ] ||
        printf '%s: there is no decision %s\n' "$place" "$number"
done)

[ -z "$found$missing" ] || { printf '%s\n' "$found" "$missing" | grep .; exit 1; }
echo "contract: $(printf '%s\n' "$sections" | wc -l) sections, every citation names one"
