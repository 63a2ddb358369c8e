#!/bin/bash
# test.sh <cleat> <plugin.so>: what @NAME@ does, seen from outside, through the real kernel.
set -euo pipefail
. "$(dirname "$0")/kernel.sh"
failed=0

expect() { # what, found, wanted
  [ "$2" = "$3" ] && return
  echo "FAILED: $1: \"$2\", not \"$3\""
  failed=1
}
field() { curl -s -o /dev/null -D - "$1" | tr -d '\r' | sed -n "s/^$2: //ip"; }

start "$1" "$2"
expect "the path is answered here" "$(curl -s "http://$with/hello")" "good day"
expect "others pass by" "$(curl -s "http://$with/other")" "nobody"
expect "what passes by is marked" "$(field "http://$with/other" x-seen-by)" "@NAME@"
expect "without the plugin nothing is" "$(field "http://$without/other" x-seen-by)" ""

cat >"$folder/mistake.yaml" <<END
plugins: [{name: greets, use: $2, config: {colour: red}}]
listeners: [{name: in, address: 127.0.0.1:0, chain: [greets], routes: [{reply: {status: 204}}]}]
END
"$1" validate -c "$folder/mistake.yaml" 2>"$folder/said" && code=0 || code=$?
expect "an unknown key is refused" "$code" 2
expect "and named" "$(grep -c 'colour: unknown key' "$folder/said")" 1
[ "$failed" = 0 ] && echo "passed"
