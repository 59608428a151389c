#!/bin/sh
# SPDX-License-Identifier: MIT
# Borders of the tree, checked on its sources:
# - a room includes only the rooms that rooms.txt allows it; weir-sim includes only common/;
# - a header named state.h or *_inside.h is included by its own room only;
# - a pure file (its header's head says "Pure") includes nothing that could reach a socket, a clock, an event
#   loop, curl or the log, and calls none of them;
# - every include of our own carries its path, every source says its licence.
# Run by `make check`; alone: tests/lint/layers.sh [TOP].
set -u
top=${1:-${srcdir:-$(dirname "$0")/../..}}
cd "$top" || exit 99
faults=0

fault()
{
    printf '%s\n' "$1"
    faults=$((faults + 1))
}

# refuse FILES PATTERN WHY: each line of the files that matches is a fault.
refuse()
{
    # shellcheck disable=SC2086 # a list; names in this tree have no blanks
    found=$(grep -nE "$2" /dev/null $1)
    [ -z "$found" ] || fault "$3:
$found"
}

sources=$(find common server trackerd -name '*.[ch]' ! -name status_page_html.c | sort)

# shellcheck disable=SC2086 # the same
found=$(awk '
    function room_of(path,   part) { return split(path, part, "/") > 2 ? part[1] "/" part[2] : path }
    FNR == NR {
        if (/^#/ || !NF)
            next
        is_room[$1] = 1
        for (i = 2; i <= NF; i++)
            may[$1, $i] = 1
        next
    }
    FNR == 1 { from = room_of(FILENAME); seen[from] = 1 }
    FNR == 1 && !(from in is_room) { print FILENAME ": its room is not in rooms.txt" }
    /^#include "[^"]*\// {
        split($0, quoted, "\"")
        to = room_of(quoted[2])
        if (from == to)
            next
        if (quoted[2] ~ /(\/state|_inside)\.h$/)
            print FILENAME ": " quoted[2] " is for its own room only"
        else if (!((from, to) in may))
            print FILENAME ": " from " may not include " quoted[2]
    }
    END {
        for (room in is_room)
            if (!(room in seen))
                print "rooms.txt: there is no " room
        for (pair in may) {
            split(pair, name, SUBSEP)
            if (!(name[2] in is_room))
                print "rooms.txt: " name[1] " names " name[2] ", which is no room"
        }
    }' tests/lint/rooms.txt $sources)
[ -z "$found" ] || fault "$found"
refuse "$(find tests/sim -name '*.[ch]')" '#include "(server|trackerd)/' 'weir-sim includes what it tests'
# shellcheck disable=SC2046,SC2086 # the same
found=$(grep -nE '#include "[^/"]+"' $sources $(find tests -name '*.[ch]') | grep -v '"config.h"')
[ -z "$found" ] || fault "an include without its path:
$found"
# shellcheck disable=SC2046,SC2086 # the same
found=$(find $sources tests man -type f ! -path '*/corpus/*' ! -name '*.md' ! -name '*.json' ! -name '*.expected' \
    ! -name '*.pyc' ! -name '*.o' ! -name '*.log' ! -name '*.trs' ! -path '*/node_modules/*' \
    -exec grep -L 'SPDX-License-Identifier: MIT' {} +)
[ -z "$found" ] || fault "files without a licence:
$found"

# Headers whose first comment says so, and their sources.
pure_files()
{
    for header in $(printf '%s\n' "$sources" | grep '\.h$'); do
        if sed -n '2,/\*\//p' "$header" | grep -qw Pure; then
            printf '%s\n' "$header"
            [ ! -f "${header%.h}.c" ] || printf '%s\n' "${header%.h}.c"
        fi
    done
}

pure=$(pure_files)
count=$(printf '%s\n' "$pure" | grep -c .)
[ "$count" -ge 60 ] || fault "only $count pure files found: the rule that finds them is broken"
impure='event2?/|event\.h|curl/|sys/(socket|un|epoll|timerfd|eventfd|time|select)\.h|poll\.h|netdb\.h'
impure="$impure|netinet/|syslog\.h|common/(base/(fd|log|unixsock)|process/[a-z_]*)\.h"
refuse "$pure" "#include [<\"]($impure)" 'a pure file includes'
calls='(clock_(boot|wall|gettime)[a-z_]*|gettimeofday|log_(debug|info|warn|error|write|fatal))[(]'
refuse "$pure" "(^|[^a-z_])($calls|time[(]NULL)" 'a pure file calls'

if [ "$faults" -gt 0 ]; then
    printf '%s\n' "$faults borders crossed"
    exit 1
fi
printf '%s\n' "layers: $(grep -vc '^\(#\|$\)' tests/lint/rooms.txt) rooms, $count pure files, no border crossed"
