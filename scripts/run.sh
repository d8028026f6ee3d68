#!/bin/sh
# Starts the daemon with the balanced preset and opens the dashboard; without a terminal, prints what happens as lines.
# A daemon that runs already is used and left running; one that was started here is stopped at the end.
set -eu
cd "$(dirname "$0")/.."

pipelock=${VENV:-.venv}/bin/pipelock
home=${PIPELOCK_HOME:-$HOME/.pipelock}
log=$home/daemon.log
daemon=
watcher=

# shellcheck disable=SC2329 # called by the traps
finish() {
    code=$?
    trap - EXIT INT TERM HUP
    [ -z "$watcher" ] || kill "$watcher" 2>/dev/null || true
    if [ -n "$daemon" ]; then
        kill -TERM "$daemon" 2>/dev/null || true
        wait "$daemon" || true
    fi
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

is_up() {
    "$pipelock" status >/dev/null 2>&1
}

if is_up; then
    echo "a daemon is running already; showing it"
else
    mkdir -p -m 700 "$home"
    (umask 077 && : >"$log")
    # The audit log has every decision; its copy on standard output would only fill the disk a second time.
    "$pipelock" run --preset "${PRESET:-balanced}" >/dev/null 2>"$log" </dev/null &
    daemon=$!
    tries=0
    until is_up; do
        tries=$((tries + 1))
        if ! kill -0 "$daemon" 2>/dev/null || [ "$tries" -gt 100 ]; then
            echo "the daemon did not start:" >&2
            tail -n 20 "$log" >&2
            exit 1
        fi
        sleep 0.1
    done
fi

if [ -t 0 ] && [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then
    "$pipelock" tui
else
    "$pipelock" status
    "$pipelock" events --follow &
    watcher=$!
    wait "$watcher"
fi
