#!/bin/sh
# Packs the Ruby gem into target/gem/: its sources, and the crates that its native library needs.
#
# `gem install target/gem/spikard-*.gem` then builds it wherever Rust and Ruby's headers are.
set -eu
cd "$(dirname -- "$0")/.."
stage=target/gem/stage

scripts/require.sh ruby
command -v gem >/dev/null 2>&1 || {
    echo "missing: gem, which comes with Ruby's rubygems" >&2
    exit 1
}
rm -rf target/gem
mkdir -p "$stage/workspace/bindings"
git ls-files bindings/ruby | sed 's#^bindings/ruby/##' | while read -r path; do
    case $path in
        lib/* | sig/* | ext/* | README.md | spikard.gemspec)
            mkdir -p "$stage/$(dirname -- "$path")"
            cp "bindings/ruby/$path" "$stage/$path"
            ;;
    esac
done
crates="contract proto-http middleware app runtime ffi bindings/host bindings/ruby"
for crate in $crates; do
    mkdir -p "$stage/workspace/$crate"
    cp "$crate/Cargo.toml" "$stage/workspace/$crate/"
    cp -R "$crate/src" "$stage/workspace/$crate/"
done
cp Cargo.lock "$stage/workspace/"
cp LICENSE "$stage/"
# The same workspace without the members that the gem has no use for.
"$(scripts/python.sh)" - "$stage/workspace/Cargo.toml" $crates <<'PYTHON'
import re
import sys

members = ", ".join(f'"{crate}"' for crate in sys.argv[2:])
text = open("Cargo.toml").read()
text = re.sub(r"(?ms)^members = \[.*?\]$", f"members = [{members}]", text, count=1)
text = re.sub(r"(?ms)^# Not the hosts.*?^default-members = \[.*?\]\n", "", text, count=1)
text = re.sub(r"(?m)^spikard-\w[\w-]* = \{ path = \"(?!%s).*\n" % "|".join(sys.argv[2:]), "", text)
open(sys.argv[1], "w").write(text)
PYTHON
(cd "$stage" && gem build --quiet --output ../spikard.gem spikard.gemspec)
version=$(sed -n 's/.*VERSION = "\(.*\)".*/\1/p' bindings/ruby/lib/spikard/version.rb)
mv target/gem/spikard.gem "target/gem/spikard-$version.gem"
echo "target/gem/spikard-$version.gem"
