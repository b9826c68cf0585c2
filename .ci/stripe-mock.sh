#!/bin/sh
# Make sure that Stripe's own mock of its API is here to test with: stripe-mock.sh LINK. Built from Go modules, once
# for each version, and kept in the user's cache folder.
set -eu
link=$1
version=v0.203.0
cache=${XDG_CACHE_HOME:-${HOME:-${TMPDIR:-/tmp}}/.cache}/tracen-test
binary=$cache/stripe-mock-$version

if [ ! -x "$binary" ]; then
    rm -f "$link"
    if ! command -v go >/dev/null; then
        echo "test: no Go here to build stripe-mock with, so that its tests are skipped or fail" >&2
        exit 0
    fi
    echo "test: building stripe-mock $version (a minute, once)"
    mkdir -p "$cache"
    build=$(mktemp -d "$cache/build.XXXXXX")
    trap 'rm -rf "$build"' EXIT
    if ! (cd "$build" && TMPDIR=$build GOWORK=off GOBIN=$build \
        go install "github.com/stripe/stripe-mock@$version" >log 2>&1); then
        tail -n 20 "$build/log" >&2
        echo "test: stripe-mock could not be built, so that its tests are skipped or fail" >&2
        exit 0
    fi
    mv "$build/stripe-mock" "$binary"
fi
ln -sf "$binary" "$link"
