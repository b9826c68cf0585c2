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

# $packages is a list
sh "$(dirname "$0")/packages.sh" "the browser tests" $packages
