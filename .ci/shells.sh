#!/bin/sh
# Make sure that the shells are here that completion is tested in. Install them where that can be done, else say so.
set -eu
packages=
for shell in bash zsh fish; do
    command -v "$shell" >/dev/null || packages="$packages $shell"
done
[ -n "$packages" ] || exit 0

# $packages is a list
sh "$(dirname "$0")/packages.sh" "the tests of completion" $packages
