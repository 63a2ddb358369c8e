#!/bin/bash
# package.sh <cmake> <build> <source>: installs the SDK into an empty prefix, and builds examples/c_plugin against that alone,
# in C, as a stranger would: find_package(cleat), no flags of this tree.
set -eu
cmake=$1 build=$2 source=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$cmake" --install "$build" --component sdk --prefix "$dir/prefix" >"$dir/log" || { cat "$dir/log"; exit 1; }
cp -r "$source/examples/c_plugin" "$dir/project"
"$cmake" -S "$dir/project" -B "$dir/build" -G Ninja -DCMAKE_PREFIX_PATH="$dir/prefix" -Dcleat_ROOT="$dir/prefix"
"$cmake" --build "$dir/build"
"$(dirname "$0")/exports.sh" --undefined "$dir/build/plugins"
