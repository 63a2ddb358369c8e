#!/bin/bash
# package.sh <cmake> <build> <source>: installs the SDK into an empty prefix, and builds the examples against that alone, as a stranger
# would: find_package(cleat), no flags of this tree. c_plugin: a plugin in C. embed: the kernel in a program of one's own, which is then run.
set -eu
cmake=$1 build=$2 source=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$cmake" --install "$build" --component sdk --prefix "$dir/prefix" >"$dir/log" || { cat "$dir/log"; exit 1; }
for example in c_plugin embed; do
  cp -r "$source/examples/$example" "$dir/$example"
  "$cmake" -S "$dir/$example" -B "$dir/$example/build" -G Ninja -DCMAKE_PREFIX_PATH="$dir/prefix" -Dcleat_ROOT="$dir/prefix" ${CLEAT_SANITIZE:+-DCMAKE_CXX_FLAGS=-fsanitize=$CLEAT_SANITIZE}
  "$cmake" --build "$dir/$example/build"
done
"$(dirname "$0")/exports.sh" --undefined "$dir/c_plugin/build/plugins"

mkdir "$dir/embed/plugins"
cp "$build/plugins/header_rewrite.so" "$dir/embed/plugins"
printf 'GET /api/orders a=b\nGET /old host=shop.example.com\nGET /else\nGET / a=b host=[\n' | "$dir/embed/build/dry_run" "$dir/embed/shop.yaml" >"$dir/said"
diff - "$dir/said" <<'SAID'
GET /api/orders a=b
    -> cluster api: GET example.org/api/orders
GET /old host=shop.example.com
    <- 301 redirect
GET /else
    <- 404 direct_reply
GET / a=b host=[
    <- 400 bad_request: malformed host
SAID
echo "embed: the kernel decided as configured"
