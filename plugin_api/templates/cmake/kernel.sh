# kernel.sh: for test.sh and bench.sh: runs the kernel with the plugin on one listener, and without it on another.
#   start <cleat> <plugin.so>     sets `with` and `without`, the addresses of the two, and `log`

folder=$(mktemp -d)
log=$folder/log
finish() {
  [ -z "${kernel:-}" ] || { kill "$kernel" && wait "$kernel"; } 2>/dev/null
  rm -rf "$folder"
}
trap finish EXIT

start() {
  local tries=0
  cat >"$folder/cleat.yaml" <<END
workers: 1
plugins:
  - {name: greets, use: $2, config: {path: /hello, greeting: good day}}
listeners:
  - {name: with, address: 127.0.0.1:0, chain: [greets], routes: [{reply: {status: 200, body: "nobody"}}]}
  - {name: without, address: 127.0.0.1:0, routes: [{reply: {status: 200, body: "nobody"}}]}
END
  "$1" run -c "$folder/cleat.yaml" 2>"$log" &
  kernel=$!
  until grep -q ' kernel ready$' "$log"; do
    kill -0 "$kernel" 2>/dev/null || { kernel=; cat "$log" >&2; exit 1; }
    [ $((tries += 1)) -le 300 ] || { echo "the kernel is not ready after 30 s" >&2; exit 1; }
    sleep 0.1
  done
  with=$(sed -n 's/.* listening on \(.*\) (listener with)$/\1/p' "$log")
  without=$(sed -n 's/.* listening on \(.*\) (listener without)$/\1/p' "$log")
}
