#!/bin/sh
# SPDX-License-Identifier: MIT
# Whatever the module with libcurl calls in weir, weir exports (server/upstream/module.symbols): the linker does
# not look, and loading would fail with the first provider that needs libcurl only.
# Run by `make check` in the build directory.
set -u
[ -f Makefile ] || exit 99
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT

nm -D -P -u transfer_curl.so | sed 's/[@ ].*//' | sort -u > "$tmp/called"
nm -P lib*.a 2>/dev/null | awk '$2 ~ /^[BDRTVW]$/ { print $1 }' | sort -u > "$tmp/ours"
nm -D -P weir | awk '$2 ~ /^[BDRTVW]$/ { sub(/@.*/, "", $1); print $1 }' | sort -u > "$tmp/exported"
comm -12 "$tmp/called" "$tmp/ours" > "$tmp/needed"
[ "$(wc -l < "$tmp/needed")" -ge 8 ] || { echo 'too few calls found: the rule that finds them is broken'; exit 1; }
missing=$(comm -23 "$tmp/needed" "$tmp/exported")
[ -z "$missing" ] || { printf 'module.symbols does not name:\n%s\n' "$missing"; exit 1; }
echo "module: $(wc -l < "$tmp/needed") names of weir's, all exported"
