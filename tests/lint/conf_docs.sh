#!/bin/sh
# SPDX-License-Identifier: MIT
# Drift of the configuration's documentation from its table, common/conf/schema.c (as conf_keys
# prints it):
# - weir.yaml(5) has each key in its section, with exactly that type, bound and default, and no other;
# - etc/weir.yaml has each key in its section, with its default, perhaps in a comment;
# - etc/weir.yaml loads as it stands, and with every commented key taken out of its comment.
# Run by `make check` in the build directory; alone: srcdir=TOP tests/lint/conf_docs.sh
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

tests/lint/conf_keys > "$tmp/keys" || exit 99
[ "$(wc -l < "$tmp/keys")" -ge 60 ] || fault 'conf_keys prints too few keys: it is broken'

# The page: under each .Ss, each `.It Cm KEY` and the sentence behind it.
cut -f 1-3 "$tmp/keys" | tr -d '[]' | sort > "$tmp/expected"
awk '
    /^\.S[sh] / { section = $2; key = "" }
    key != "" {
        spec = spec (spec != "" ? " " : "") $0
        if (spec ~ /\.$/) { print section "\t" key "\t" spec; key = "" }
    }
    /^\.It Cm / && section ~ /^[a-z]/ { key = $3; spec = "" }
' "$top/man/weir.yaml.5" | grep -v '^server	unix	' | sort > "$tmp/page"
diff "$tmp/expected" "$tmp/page" > "$tmp/diff" ||
    fault "man/weir.yaml.5 (>) is not what conf/schema.c (<) says:
$(cat "$tmp/diff")"

# The sample, with what stands in comments taken out of them.
sed -E 's/^( *)# ( *(- )?[a-zA-Z0-9]+:( .*)?)$/\1\2/' "$top/etc/weir.yaml" > "$tmp/all.yaml"
# `SECTION<tab>KEY<tab>VALUE` of each line that has a key; the section is the top-level one.
awk '
    /^ *#/ { next }
    /^[a-z]+:/ { section = "top" }
    match($0, /^ *(- )?[a-zA-Z0-9]+:/) {
        key = substr($0, 1, RLENGTH - 1)
        sub(/^ *(- )?/, "", key)
        value = substr($0, RLENGTH + 2)
        print section "\t" key "\t" value
    }
    /^[a-z]+:/ { section = $1; sub(/:/, "", section) }
' "$tmp/all.yaml" > "$tmp/sample"
while IFS='	' read -r section key _ preset; do
    section=${section%%[!a-z]*}
    if ! cut -f 1-2 "$tmp/sample" | grep -qx "$section	$key"; then
        fault "etc/weir.yaml lacks $key in $section"
        continue
    fi
    case $preset in
    -|*/weir/*|127.0.0.1) continue ;; # none, the build's own, a list
    esac
    grep -qx "$section	$key	$preset" "$tmp/sample" ||
        fault "etc/weir.yaml does not have the default of $section.$key, $preset"
done < "$tmp/keys"

if [ -x ./weir ]; then
    ./weir -t -c "$top/etc/weir.yaml" > "$tmp/out" 2>&1 ||
        fault "etc/weir.yaml does not load:
$(cat "$tmp/out")"
    GROQ_API_KEY=x ./weir -t -c "$tmp/all.yaml" > "$tmp/out" 2>&1 ||
        fault "etc/weir.yaml with its comments taken out does not load:
$(cat "$tmp/out")"
else
    fault 'there is no weir here to load etc/weir.yaml'
fi

if [ "$faults" -gt 0 ]; then
    printf '%s\n' "$faults faults in the documentation of the configuration"
    exit 1
fi
printf '%s\n' "conf_docs: $(wc -l < "$tmp/keys") keys, all documented"
