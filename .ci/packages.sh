#!/bin/sh
# Install Debian packages that tests need, where that can be done; else say which are not here.
# packages.sh TESTS PACKAGE...
set -eu
tests=$1
shift
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "test: installing $* for $tests"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
else
    echo "test: not here, so that $tests are skipped or fail: $*" >&2
fi
