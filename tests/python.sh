#!/usr/bin/env bash
# Makes a virtual environment with exactly what a lock file names.
#
#   tests/python.sh FOLDER LOCK
#
# PYTHON names interpreters to try; by default the first version that is tested and present is used. Debian keeps the module venv in a
# package of its own: root gets it installed (and is told), other users are told what is missing.
set -euo pipefail

FOLDER=$1
LOCK=$2
NEEDED="import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info < (3, 14))"

say() { printf 'python: %s\n' "$*" >&2; }
fail() { say "$1"; say "$2"; exit 1; }
# A command of the right name may still be a wrapper for a version that is not there, so each is run.
fits() { command -v "$1" >/dev/null && "$1" -c "$NEEDED" >/dev/null 2>&1; }
may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

find_python() {
    local name
    for name in ${PYTHON:-python3.12 python3.11 python3.13 python3.10 python3 /usr/bin/python3}; do
        if fits "$name"; then echo "$name"; return; fi
    done
    return 1
}

install_python() {
    [ -z "${PYTHON:-}" ] || fail "PYTHON is $PYTHON, which is not Python 3.10 to 3.13 with the module venv" "name another one, or unset PYTHON"
    may_install || fail "no Python 3.10 to 3.13 with the module venv is here" \
        "install one (Debian, Ubuntu: sudo apt-get install python3 python3-venv), or name one: make PYTHON=/path/to/python3"
    say "installing with apt-get: python3 python3-venv"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    apt-get install -y -qq --no-install-recommends python3 python3-venv ca-certificates >&2
}

version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

python=$(find_python) || { install_python; python=$(find_python) || fail "this system's Python is not 3.10 to 3.13" "name one: make PYTHON=/path/to/python3"; }

# An environment of another version, or one whose interpreter or pip is gone, is replaced.
if [ "$(version "$FOLDER/bin/python")" != "$(version "$python")" ] || ! "$FOLDER/bin/python" -m pip --version >/dev/null 2>&1; then
    say "making $FOLDER with Python $(version "$python") ($(command -v "$python"))"
    rm -rf "$FOLDER"
    "$python" -m venv "$FOLDER"
fi
say "installing what $LOCK names into $FOLDER"
"$FOLDER/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$LOCK"
