#!/bin/sh
# SPDX-License-Identifier: MIT
# What is installed around the daemons holds together:
# - an installation into a folder of its own has every file, works there, and taking it away leaves none;
# - init scripts are good shell with an LSB head, and know what they must;
# - systemd units are good, and weir's is hardened (exposure below 3.0), where systemd-analyze is;
# - the completion knows each of weirctl's commands, where bash is;
# - dashboard and alerts use metrics that exist, and promtool finds the alerts good, where it is.
# Run by `make check` in the build directory; alone: srcdir=TOP tests/lint/etc.sh
set -u
top=${srcdir:-.}
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
faults=0

fault()
{
    printf '%s\n' "$1"
    faults=$((faults + 1))
}

# ---- installing --------------------------------------------------------------------------------

make=${MAKE:-make}
if "$make" install DESTDIR="$tmp/root" > "$tmp/out" 2>&1; then
    (cd "$tmp/root" && find . -type f -o -type l) > "$tmp/installed"
    for name in sbin/weir sbin/weir-trackerd sbin/weirctl bin/weir-sim init.d/weir init.d/weir-trackerd \
        system/weir.service system/weir-trackerd.service sysusers.d/weir.conf tmpfiles.d/weir.conf \
        logrotate.d/weir weir/weir.yaml weir/environment bash-completion/completions/weirctl \
        man8/weir.8 man8/weirctl.8 man8/weir-trackerd.8 man1/weir-sim.1 man5/weir.yaml.5 man7/weir-table.7 \
        weir/grafana-dashboard.json weir/prometheus-alerts.yml weir/transfer_curl.so; do
        grep -q "/$name\$" "$tmp/installed" || fault "make install does not install $name"
    done
    # An installation finds its module wherever it is moved to.
    found=$(find "$tmp/root" -path '*/sbin/weir')
    cat > "$tmp/https.yaml" << 'EOF'
settings: {apiKeys: [k], defaultChain: c}
providers: [{id: p, name: P, type: openai, apiKey: k}]
chains: [{name: c, entries: [{provider: p, model: m}]}]
EOF
    "$found" -t -c "$tmp/https.yaml" > "$tmp/out" 2>&1 || fault "moved, weir does not find its module: $(cat "$tmp/out")"
    for name in weir.yaml environment; do
        found=$(find "$tmp/root" -path "*/weir/$name" -perm 0640)
        [ -n "$found" ] || fault "weir/$name is not installed with mode 0640"
        # Somebody's work stays.
        echo '# mine' >> "$found"
        "$make" install DESTDIR="$tmp/root" > "$tmp/out" 2>&1
        grep -q '^# mine$' "$found" || fault "make install overwrites $name"
        sed -i '/^# mine$/d' "$found"
    done
    "$make" uninstall DESTDIR="$tmp/root" > "$tmp/out" 2>&1 || fault "make uninstall fails: $(tail -n 5 "$tmp/out")"
    left=$(find "$tmp/root" -type f -o -type l)
    [ -z "$left" ] || fault "make uninstall leaves
$left"
else
    fault "make install fails: $(tail -n 5 "$tmp/out")"
fi
left=$(grep -l '@[a-z]*@' etc/weir* 2> /dev/null)
[ -z "$left" ] || fault "a template's word was not replaced in $left"

# ---- init scripts ------------------------------------------------------------------------------

for script in etc/weir.init etc/weir-trackerd.init; do
    sh -n "$script" || fault "$script is no good shell"
    for key in Provides Required-Start Required-Stop Default-Start Default-Stop Short-Description Description; do
        sed -n '/^### BEGIN INIT INFO$/,/^### END INIT INFO$/p' "$script" | grep -q "^# $key: *[^ ]" ||
            fault "$script has no $key in its LSB head"
    done
    for action in start stop restart try-restart reload force-reload status configtest; do
        grep -q "^$action)" "$script" || fault "$script does not know $action"
    done
done

# ---- systemd -----------------------------------------------------------------------------------

for unit in etc/weir.service etc/weir-trackerd.service; do
    for line in StartLimitIntervalSec=0 Type=notify Restart= ExecReload= NoNewPrivileges=yes ProtectSystem=strict; do
        grep -q "^$line" "$unit" || fault "$unit lacks $line"
    done
done
if command -v systemd-analyze > /dev/null; then
    # Programs that are not installed yet are there for `verify`, too.
    mkdir "$tmp/units"
    for unit in weir weir-trackerd; do
        sed -E "s|^(Exec[A-Za-z]*=)/[^ ]*/(weir[a-z-]*)|\1$(pwd)/\2|" "etc/$unit.service" > "$tmp/units/$unit.service"
    done
    systemd-analyze verify --man=no "$tmp/units/weir.service" "$tmp/units/weir-trackerd.service" > "$tmp/out" 2>&1
    found=$(grep -F "$tmp/units" "$tmp/out")
    [ -z "$found" ] || fault "$found"
    if systemd-analyze security --help 2> /dev/null | grep -q -- --offline; then
        for unit in weir weir-trackerd; do
            exposure=$(systemd-analyze security --no-pager --offline=true "$tmp/units/$unit.service" 2> /dev/null |
                sed -nE 's/.*Overall exposure level[^:]*: ([0-9.]+) .*/\1/p')
            awk -v e="${exposure:-10}" 'BEGIN { exit !(e < 3.0) }' ||
                fault "$unit.service: exposure ${exposure:-unknown}, wanted below 3.0"
        done
    fi
fi

# ---- completion --------------------------------------------------------------------------------

./weirctl -h | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p' | sort > "$tmp/commands"
[ "$(wc -l < "$tmp/commands")" -ge 8 ] || fault 'weirctl -h lists too few commands: its form has changed'
if command -v bash > /dev/null; then
    bash -c '
        . "$1/etc/weirctl.bash-completion"
        COMP_WORDS=(weirctl "") COMP_CWORD=1
        _weirctl
        printf "%s\n" "${COMPREPLY[@]}"' - "$top" | sort > "$tmp/completed"
    diff "$tmp/commands" "$tmp/completed" > "$tmp/out" ||
        fault "the completion (>) has not the commands of weirctl -h (<):
$(cat "$tmp/out")"
    pairs=$(PATH=$(pwd):$PATH bash -c '
        . "$1/etc/weirctl.bash-completion"
        COMP_WORDS=(weirctl -c "$1/etc/weir.yaml" clear sim "") COMP_CWORD=5
        _weirctl
        echo "${COMPREPLY[*]}"' - "$top")
    [ "$pairs" = 'first second' ] || fault "the completion of weirctl clear sim gives '$pairs'"
    chains=$(PATH=$(pwd):$PATH bash -c '
        . "$1/etc/weirctl.bash-completion"
        COMP_WORDS=(weirctl -c "$1/etc/weir.yaml" route "") COMP_CWORD=4
        _weirctl
        echo "${COMPREPLY[*]}"' - "$top")
    [ "$chains" = default ] || fault "the completion of weirctl route gives '$chains'"
fi

# ---- monitoring --------------------------------------------------------------------------------

grep -ohE '"weir_[a-z_]+' "$top/server/api/metrics.c" | tr -d '"' | sed -E 's/_(bucket|sum|count)$//' | sort -u > "$tmp/metrics"
[ "$(wc -l < "$tmp/metrics")" -ge 12 ] || fault 'too few metrics in server/api/metrics.c: the rule that finds them is broken'
for file in etc/grafana-dashboard.json etc/prometheus-alerts.yml; do
    grep -ohE '\bweir_[a-z_]+' "$top/$file" | sed -E 's/_(bucket|sum|count)$//' | sort -u > "$tmp/used"
    unknown=$(comm -13 "$tmp/metrics" "$tmp/used")
    [ -z "$unknown" ] || fault "$file uses metrics that do not exist: $unknown"
    unused=$(comm -23 "$tmp/metrics" "$tmp/used")
    [ "$file" != etc/grafana-dashboard.json ] || [ -z "$unused" ] || fault "$file does not show $unused"
done
if command -v python3 > /dev/null; then
    python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$top/etc/grafana-dashboard.json" ||
        fault 'etc/grafana-dashboard.json is no JSON'
fi
if command -v promtool > /dev/null; then
    promtool check rules "$top/etc/prometheus-alerts.yml" > "$tmp/out" 2>&1 || fault "$(cat "$tmp/out")"
fi

[ "$faults" -eq 0 ] || printf '%s\n' "$faults faults in what is installed around the daemons"
[ "$faults" -eq 0 ]
