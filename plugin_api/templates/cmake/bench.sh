#!/bin/bash
# bench.sh <cleat> <plugin.so>: requests per second of one worker with the plugin and without it, as wrk counts them, and what the
# plugin costs a request. Both on one machine with the load: the difference is what counts.
set -euo pipefail
. "$(dirname "$0")/kernel.sh"
command -v wrk >/dev/null || { echo "bench.sh needs wrk: apt-get install wrk" >&2; exit 2; }

rate() { wrk -t 1 -c 8 -d "${SECONDS_EACH:-2}s" "http://$1/other" | awk '/^Requests\/sec/ {print $2}'; }

start "$1" "$2"
# In turns, and the best of each, so that the machine's other work disturbs both alike.
for round in 1 2 3; do
  echo "without $(rate "$without")"
  echo "with $(rate "$with")"
done | awk '
  $2 > best[$1] { best[$1] = $2 }
  END {
    if (!best["with"] || !best["without"]) exit 1
    printf "without  %10.0f requests/s\nwith     %10.0f requests/s\nplugin   %10.2f us a request\n", best["without"], best["with"],
      1e6 / best["with"] - 1e6 / best["without"]
  }'
