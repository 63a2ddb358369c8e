#!/bin/sh
# headers.sh <cc> <c++> <include dir>: every header of plugin_api compiles alone, and twice: .h as C11, C++11 and C++20, .hpp
# as C++20.
set -u
cc=$1 cxx=$2 include=$3
failed=0 count=0
cd "$include" || exit 1
for header in $(find -L plugin_api \( -name rust -o -name go -o -name src -o -name child \) -prune -o \( -name '*.h' -o -name '*.hpp' \) -print | sort); do
  count=$((count + 1))
  unit=$(printf '#include "%s"\n#include "%s"\n' "$header" "$header")
  languages="c:c11 c++:c++11 c++:c++20"
  [ "${header%.hpp}" = "$header" ] || languages=c++:c++20
  for language in $languages; do
    compiler=$cxx
    [ "${language%:*}" = c ] && compiler=$cc
    printf '%s\n' "$unit" | "$compiler" -x "${language%:*}" "-std=${language#*:}" -pedantic -Wall -Wextra -Wshadow -Werror \
      -fsyntax-only -I. - || { echo "FAILED $header as ${language#*:}"; failed=1; }
  done
done
echo "$count headers"
[ "$count" -gt 0 ] && [ "$failed" = 0 ]
