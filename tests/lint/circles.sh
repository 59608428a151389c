#!/bin/sh
# SPDX-License-Identifier: MIT
# No circle of files: an object file that calls another (or reads its data) must not be called back by it,
# not even through others, in a room or between rooms. Read from the symbols of what was built, so that a header
# that several files share hides nothing; calls through pointers are not seen, and are meant not to be.
# Run by `make check` in the build directory.
set -u
[ -f Makefile ] || exit 99
# The archives that the Makefile knows: a build directory may hold older ones, too. Those of tests stand in for
# others, or are apart.
objects=$(grep -oE '^lib[a-z_]+\.a:' Makefile | tr -d : | grep -vxE 'lib(sim|replay)\.a'
    find . -name 'transfer_curl_so-*.o')
edges=$(mktemp) || exit 99
trap 'rm -f "$edges"' EXIT

# FROM TO, where FROM needs a symbol that TO defines.
# shellcheck disable=SC2086 # a list; names in this tree have no blanks
nm -A -P $objects 2>/dev/null | awk '
    { sub(/:$/, "", $1) }
    $3 ~ /^[BDRTVW]$/ { defines[$2] = $1 }
    $3 == "U" { needs[$1, $2] }
    END {
        for (need in needs) {
            split(need, part, SUBSEP)
            if (part[2] in defines && defines[part[2]] != part[1])
                print part[1], defines[part[2]]
        }
    }' | sort -u > "$edges"
[ "$(wc -l < "$edges")" -ge 500 ] || { echo 'too few calls found: the rule that finds them is broken'; exit 1; }
if ! tsort "$edges" > /dev/null 2> "$edges.circles"; then
    sed 's/^tsort: //; s/.*: input contains a loop:/these call each other in a circle:/' "$edges.circles"
    rm -f "$edges.circles"
    exit 1
fi
rm -f "$edges.circles"
echo "circles: $(wc -l < "$edges") calls between files, no circle"
