#!/bin/sh
# Borders of the tree, checked on its sources:
# - server/ and trackerd/ never include each other, common/ includes neither, and weir-sim only common/;
# - a pure file (its header's head comment says "pure", or libpure.a has it) includes nothing that
#   could reach a socket, a clock, an event loop, curl or the log, and calls none of them;
# - every include of our own carries its folder.
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

# The files of a folder, or /dev/null: grep wants at least one.
files()
{
    find "$@" -name '*.[ch]' 2>/dev/null | sort
}

refuse "$(files server)" '#include "(\.\./)*trackerd/' 'server/ includes trackerd/'
refuse "$(files trackerd)" '#include "(\.\./)*server/' 'trackerd/ includes server/'
refuse "$(files common)" '#include "(\.\./)*(server|trackerd|tests)/' 'common/ includes what builds on it'
refuse "$(files tests/sim)" '#include "(\.\./)*(server|trackerd)/' 'weir-sim includes what it tests'
# shellcheck disable=SC2046 # the same
found=$(grep -nE '#include "[^/"]+"' $(files common server trackerd tests/sim) | grep -v '"config.h"')
[ -z "$found" ] || fault "an include without its folder:
$found"

# Headers whose first comment says so, their sources, and what libpure.a is made of.
pure_files()
{
    for header in $(files common server trackerd); do
        case $header in *.h) ;; *) continue ;; esac
        if sed '/\*\//q' "$header" | grep -qiw pure; then
            printf '%s\n' "$header"
            [ ! -f "${header%.h}.c" ] || printf '%s\n' "${header%.h}.c"
        fi
    done
    sed -n '/^libpure_a_SOURCES/,/[^\\]$/p' server/local.mk 2>/dev/null | grep -oE '(server|common)/[a-z0-9_/]+\.[ch]'
}

pure=$(pure_files | sort -u)
count=$(printf '%s\n' "$pure" | grep -c .)
[ "$count" -ge 10 ] || fault "only $count pure files found: the rule that finds them is broken"
impure='event2?/|event\.h|curl/|sys/(socket|un|epoll|timerfd|eventfd|time|select)\.h|poll\.h|netdb\.h'
impure="$impure|netinet/|syslog\.h|common/(base/(log|unixsock)|process/daemon)\.h"
refuse "$pure" "#include [<\"]($impure)" 'a pure file includes'
calls='(clock_(boot|wall|gettime)[a-z_]*|gettimeofday|log_(debug|info|warn|error|write|fatal))[(]'
refuse "$pure" "(^|[^a-z_])($calls|time[(]NULL)" 'a pure file calls'

if [ "$faults" -gt 0 ]; then
    printf '%s\n' "$faults borders crossed"
    exit 1
fi
printf '%s\n' "layers: $count pure files, no border crossed"
