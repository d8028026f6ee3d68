#!/bin/sh
# Installs the named programs where they are missing, with the system's package manager if we may use it.
#
#   scripts/tools.sh tmux nginx git curl node
#
# Programs that can't be installed are named; what needs them is skipped or fails by itself.
set -eu

package_of() {
    case $1 in
        node) echo nodejs ;;
        ssh) echo openssh-client ;;
        sshd) echo openssh-server ;;
        bwrap) echo bubblewrap ;;
        *) echo "$1" ;;
    esac
}

# Debian keeps servers in sbin, which is not on everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin
missing=
for program in "$@"; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $(package_of "$program")"
done
[ -n "$missing" ] || exit 0

become_root=
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        become_root="sudo"
    else
        echo "missing, please install:$missing" >&2
        exit 0
    fi
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "missing, please install:$missing" >&2
    exit 0
fi

echo "installing$missing"
# RUNLEVEL keeps the package from starting a server of its own.
# shellcheck disable=SC2086 # both are lists of words
$become_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -c \
    'apt-get install -qq -y --no-install-recommends "$@" >/dev/null ||
     { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$@" >/dev/null; }' sh $missing ||
    echo "could not install:$missing" >&2
