#!/bin/sh
# Make the virtual environment: venv.sh PYTHON FOLDER LOCK. Says what is missing where something is.
set -eu
python=$1 venv=$2 lock=$3

command -v "$python" >/dev/null || { echo "setup: no $python here; install Python 3.11 or newer, or say make PYTHON=…" >&2; exit 2; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: $($python --version) is too old; Tracen needs Python 3.11 or newer (make PYTHON=…)" >&2
    exit 2
}
# Debian ships Python without ensurepip.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing python3-venv"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    else
        echo "setup: $python has no venv module; on Debian or Ubuntu: sudo apt install python3-venv" >&2
        exit 2
    fi
fi

echo "setup: installing $lock into $venv (a minute on the first run)"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
