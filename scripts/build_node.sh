#!/bin/sh
# Builds the Node.js package in place: bindings/node can then be imported.
#
# The development tools (TypeScript, and what tests need) are installed below bindings/node again
# only when their lock changes. PROFILE=dev builds the addon without optimisation.
set -eu
cd "$(dirname -- "$0")/.."
package=bindings/node
profile=${PROFILE:-release}

scripts/require.sh rust cc node
lock=$package/package-lock.json
stamp=$package/node_modules/.installed-lock.json
if ! cmp -s "$lock" "$stamp"; then
    npm ci --prefix "$package" --no-audit --no-fund --loglevel=error
    cp "$lock" "$stamp"
fi
cargo build --profile "$profile" --package spikard-node
folder=$profile
[ "$profile" != dev ] || folder=debug
library=${CARGO_TARGET_DIR:-target}/$folder/libspikard_node.so
# In place of the file, not into it: a program may have it loaded.
cp "$library" "$package/spikard.node.new"
mv "$package/spikard.node.new" "$package/spikard.node"
rm -rf "$package/dist"
"$package/node_modules/.bin/tsc" --project "$package"
# Programs of this checkout find the package by its name.
mkdir -p node_modules/@spikard
ln -sfn ../../bindings/node node_modules/@spikard/node
