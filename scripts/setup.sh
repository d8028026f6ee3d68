#!/bin/sh
# Makes the virtual environment and installs pipelock into it.
#
#   scripts/setup.sh run    what is needed to run it
#   scripts/setup.sh dev    and to test it
#
# Does nothing where that was done since pyproject.toml last changed. PYTHON names the interpreter to use.
set -eu
cd "$(dirname "$0")/.."

kind=${1:-run}
venv=${VENV:-.venv}
stamp=$venv/.installed-$kind
[ "$kind" = run ] && [ -e "$venv/.installed-dev" ] && stamp=$venv/.installed-dev

if [ -e "$stamp" ] && [ -z "$(find pyproject.toml -newer "$stamp")" ]; then
    exit 0
fi

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for name in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
        if command -v "$name" >/dev/null 2>&1 && is_new_enough "$name"; then
            echo "$name"
            return
        fi
    done
    echo "pipelock needs Python 3.11 or newer; set PYTHON to where it is" >&2
    exit 1
}

if ! is_new_enough "$venv/bin/python"; then
    python=$(find_python)
    echo "making $venv with $("$python" --version)"
    if ! "$python" -m venv "$venv"; then
        echo "cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    fi
fi

# Dependency groups (PEP 735) need pip 25.1.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
if [ "$kind" = dev ]; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable . --group dev
else
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable .
fi
touch "$stamp"
