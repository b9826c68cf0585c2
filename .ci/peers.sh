#!/bin/sh
# Install the servers that `make bench-peers` measures beside: peers.sh PYTHON FOLDER.
set -eu
[ -x "$2/bin/phoenix" ] && [ -x "$2/bin/mlflow" ] && exit 0
echo "bench-peers: installing Phoenix and MLflow into $2 (minutes, a gigabyte)"
"$1" -m venv "$2"
"$2/bin/python" -m pip install --quiet --disable-pip-version-check arize-phoenix mlflow
