#!/bin/sh
# Make sure that a real OpenTelemetry Collector is here to test with: collector.sh LINK. Built from Go modules with
# the Collector's own builder, once for each version of its description, and kept in the user's cache folder.
set -eu
link=$1
description=$(dirname "$0")/../tests/interop/collector.yaml
version=$(sed -n 's/^ *version: *//p' "$description")
cache=${XDG_CACHE_HOME:-${HOME:-${TMPDIR:-/tmp}}/.cache}/tracen-test
binary=$cache/otelcol-$version-$(cksum <"$description" | cut -d ' ' -f 1)

if [ ! -x "$binary" ]; then
    rm -f "$link"
    if ! command -v go >/dev/null; then
        echo "test: no Go here to build an OpenTelemetry Collector with, so that its tests are skipped or fail" >&2
        exit 0
    fi
    echo "test: building an OpenTelemetry Collector $version (some minutes, once)"
    mkdir -p "$cache"
    build=$(mktemp -d "$cache/build.XXXXXX")
    trap 'rm -rf "$build"' EXIT
    cp "$description" "$build/collector.yaml"
    if ! (cd "$build" && TMPDIR=$build GOWORK=off go run "go.opentelemetry.io/collector/cmd/builder@v$version" \
        --config collector.yaml >log 2>&1); then
        tail -n 20 "$build/log" >&2
        echo "test: the OpenTelemetry Collector could not be built, so that its tests are skipped or fail" >&2
        exit 0
    fi
    mv "$build/built/otelcol" "$binary"
fi
ln -sf "$binary" "$link"
