#!/bin/sh
# Make sure that what the browser tests need is here: a Chromium, and on a bare Debian the library that
# Playwright's driver is linked against. Install it where that can be done, else say so.
set -eu

has_browser() {
    [ -n "${TRACEN_CHROMIUM:-}" ] && return 0
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null && return 0
    done
    [ -d "/Applications/Google Chrome.app" ] || [ -d "/Applications/Chromium.app" ]
}

packages=
has_browser || packages="chromium fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji"
if command -v ldconfig >/dev/null && ! ldconfig -p | grep -q 'libatomic\.so\.1'; then
    packages="$packages libatomic1"
fi
[ -n "$packages" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "test: installing $packages for the browser tests"
    apt-get update -qq
    # $packages is a list
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
else
    echo "test: not here, so that the browser tests are skipped or fail: $packages" >&2
fi
