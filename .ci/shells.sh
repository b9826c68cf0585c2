#!/bin/sh
# Make sure that the shells are here that completion is tested in. Install them where that can be done, else say so.
set -eu
packages=
for shell in bash zsh fish; do
    command -v "$shell" >/dev/null || packages="$packages $shell"
done
[ -n "$packages" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "test: installing$packages for the tests of completion"
    apt-get update -qq
    # $packages is a list
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
else
    echo "test: not here, so that their tests of completion are skipped or fail:$packages" >&2
fi
