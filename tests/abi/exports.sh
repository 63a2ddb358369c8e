#!/bin/bash
# exports.sh [--undefined] <folder>: every plugin there exports exactly cleat_plugin_v1, has no STB_GNU_UNIQUE symbol (one
# would keep it mapped after dlclose) and, with --undefined, needs nothing but what its declared libraries define.
set -u
origins=0
[ "$1" = --undefined ] && { origins=1; shift; }
failed=0 count=0
fail() { echo "FAILED $(basename "$plugin"): $*"; failed=1; }

for plugin in "$1"/*.so; do
  [ -e "$plugin" ] || continue
  count=$((count + 1))

  exported=$(nm -D --defined-only "$plugin" | awk '{print $NF}' | sort | tr '\n' ' ')
  [ "$exported" = "cleat_plugin_v1 " ] || fail "exports: ${exported:-nothing}"

  unique=$(readelf -sW "$plugin" | awk '$5 == "UNIQUE" {print $8}' | head -3)
  [ -z "$unique" ] || fail "unique symbols, so it can never be unmapped:" $unique

  if [ "$origins" = 1 ]; then
    libraries=$(ldd "$plugin" | awk '$2 == "=>" {print $3} $1 ~ /^\// {print $1}')
    missing=$(comm -23 <(nm -D --undefined-only "$plugin" | awk '$1 == "U" {sub(/@.*/, "", $2); print $2}' | sort -u) \
      <(nm -D --defined-only $libraries 2>/dev/null | awk 'NF == 3 {sub(/@.*/, "", $3); print $3}' | sort -u))
    [ -z "$missing" ] || fail "nobody it links defines:" $missing
  fi
done

echo "$count plugins"
[ "$count" -gt 0 ] && [ "$failed" = 0 ]
