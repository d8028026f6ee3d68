#!/bin/sh
# Installs Pipelock for this user: with uv or pipx where one of them is there, else into an environment of its own.
#
#   sh install.sh                            from the checkout that this file lies in
#   sh install.sh --from pipelock-1.0-py3-none-any.whl --sha256 HEX
#   sh install.sh --from https://example.com/pipelock-1.0-py3-none-any.whl --sha256 HEX
#   sh install.sh --from https://example.com/simple/ --version 1.0
#   sh install.sh --uninstall [--purge]
#
# Needs no root, and touches no file of your shell. What it did is written to ~/.local/share/pipelock/install.txt, and
# --uninstall takes exactly that back, after `pipelock uninstall` has taken back what Pipelock itself put elsewhere.
set -eu

usage() {
    cat <<'END'
usage: install.sh [--from FILE|URL|INDEX] [--version V] [--sha256 HEX] [--with uv|pipx|venv] [--service] [--dry-run]
       install.sh --uninstall [--purge] [--dry-run]

  --from       a wheel, its URL (https), an index (a URL that ends in /simple/) or a folder with the source;
               default: the checkout that this file lies in
  --version    which one; from an index alone
  --sha256     of the wheel; must be given for a URL
  --with       what installs it; default: uv, else pipx, else a virtual environment
  --service    have the daemon started now, and whenever you log in
  --dry-run    say what would be done
  --uninstall  take it all away again; --purge: settings, evidence and keys, too
END
}

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}
misused() {
    printf 'install.sh: %s\n' "$*" >&2
    usage >&2
    exit 2
}

# Runs a command, or says that it would.
run() {
    if [ -n "$dry" ]; then
        say "would run: $*"
    else
        "$@"
    fi
}

has() { command -v "$1" >/dev/null 2>&1; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for name in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
        if has "$name" && new_enough "$name"; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

sha256_of() {
    if has sha256sum; then
        sha256sum <"$1" | cut -c1-64
    elif has shasum; then
        shasum -a 256 <"$1" | cut -c1-64
    elif has openssl; then
        openssl dgst -sha256 -r <"$1" | cut -c1-64
    else
        fail "neither sha256sum, shasum nor openssl is there to check $1 with"
    fi
}

check_sum() {
    found=$(sha256_of "$1")
    wanted=$(printf '%s' "$2" | tr 'A-F' 'a-f')
    [ "$found" = "$wanted" ] || fail "$1 is not what was asked for: its SHA-256 is $found, not $wanted"
}

# uv, unlike pip, would take an index that anybody on the way can change.
only_https() {
    case $1 in
        https://* | http://127.0.0.1:* | http://localhost:*) ;;
        *) fail "$1: only https is downloaded" ;;
    esac
}

download() {
    only_https "$1"
    if has curl; then
        curl --fail --silent --show-error --location --max-time 300 --output "$2" "$1" || fail "$1 can't be downloaded"
    elif has wget; then
        wget --quiet --timeout=60 --output-document="$2" "$1" || fail "$1 can't be downloaded"
    else
        fail "neither curl nor wget is there to download $1 with"
    fi
}

# Sets `spec`, what is installed, and `index`, where it is looked for; both as pip, pipx and uv take them.
find_source() {
    index=
    case $from in
        '')
            here=$(cd "$(dirname "$0")" 2>/dev/null && pwd) || here=
            spec=$(dirname "$here")
            grep -q '^name = "pipelock"$' "$spec/pyproject.toml" 2>/dev/null ||
                misused "this file lies in no checkout of Pipelock; say with --from what is to be installed"
            ;;
        http://*/simple | http://*/simple/ | https://*/simple | https://*/simple/)
            [ -z "$sum" ] || misused "--sha256 is for a wheel; an index tells the sums itself"
            only_https "$from"
            index=$from
            spec=pipelock${version:+==$version}
            return 0
            ;;
        *://*.whl)
            [ -n "$sum" ] || misused "--from $from: --sha256 has to say what is expected there"
            spec=$scratch/${from##*/}
            if [ -n "$dry" ]; then
                say "would download $from and check it"
            else
                download "$from" "$spec"
                check_sum "$spec" "$sum"
            fi
            ;;
        *://*) misused "--from $from: neither a wheel (.whl) nor an index (/simple/)" ;;
        *.whl)
            [ -f "$from" ] || fail "$from is not there"
            spec=$(cd "$(dirname "$from")" && pwd)/${from##*/}
            [ -n "$sum" ] || say "note: $from is installed as it is; --sha256 would have checked it"
            [ -z "$sum" ] || check_sum "$spec" "$sum"
            ;;
        *)
            [ -f "$from/pyproject.toml" ] || misused "--from $from: no wheel, no index, no folder with a pyproject.toml"
            spec=$(cd "$from" && pwd)
            ;;
    esac
    [ -z "$version" ] || misused "--version is for an index; what --from names is of one version"
}

find_method() {
    if [ -n "$method" ]; then
        case $method in
            uv | pipx) has "$method" || fail "there is no $method here" ;;
            venv) ;;
            *) misused "--with takes uv, pipx or venv" ;;
        esac
    elif has uv; then
        method=uv
    elif has pipx; then
        method=pipx
    else
        method=venv
    fi
}

install_with_uv() {
    set -- uv tool install --force
    [ -z "$index" ] || set -- "$@" --default-index "$index"
    run "$@" "$spec"
    if [ -z "$dry" ]; then
        program=$(uv tool dir --bin)/pipelock
    else
        program=pipelock
    fi
}

install_with_pipx() {
    set -- pipx install --force
    [ -z "$index" ] || set -- "$@" --pip-args="--index-url $index"
    run "$@" "$spec"
    if [ -z "$dry" ]; then
        program=$(pipx environment --value PIPX_BIN_DIR)/pipelock
    else
        program=pipelock
    fi
}

install_with_venv() {
    python=$(find_python) || fail "Python 3.11 or newer is needed, or uv, which brings one: https://docs.astral.sh/uv/"
    program=$HOME/.local/bin/pipelock
    if [ -e "$program" ] || [ -L "$program" ]; then
        [ "$(readlink "$program" 2>/dev/null)" = "$venv/bin/pipelock" ] ||
            fail "$program is there already and not ours; move it away, or use --with uv or --with pipx"
    fi
    if ! { [ -x "$venv/bin/python" ] && new_enough "$venv/bin/python"; }; then
        run "$python" -m venv --clear "$venv" ||
            fail "no virtual environment can be made; on Debian and Ubuntu: apt install python3-venv"
    fi
    set -- "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade
    [ -z "$index" ] || set -- "$@" --index-url "$index"
    # A wheel of the same version may be another one.
    case $spec in */*) run "$@" --force-reinstall --no-deps "$spec" ;; esac
    run "$@" "$spec"
    run mkdir -p "$HOME/.local/bin"
    run ln -sfn "$venv/bin/pipelock" "$program"
}

install() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 1' HUP INT TERM
    find_source
    find_method
    "install_with_$method"
    if [ -n "$dry" ]; then
        say "would write $record"
        [ -z "$service" ] || say "would run: $program service install --now"
        return 0
    fi
    mkdir -p "$state"
    printf 'method=%s\nprogram=%s\n' "$method" "$program" >"$record"
    "$program" version || fail "$program was installed and can't be run"
    case :$PATH: in
        *:"$(dirname "$program")":*) ;;
        *) say "note: $(dirname "$program") is not on your PATH" ;;
    esac
    if [ -n "$service" ]; then
        "$program" service install --now || fail "installed, but the service is not complete: see above"
    fi
    say "installed with $method: $program"
}

recorded() { sed -n "s/^$1=//p" "$record" 2>/dev/null | head -n 1; }

uninstall() {
    method=$(recorded method)
    program=$(recorded program)
    [ -n "$method" ] || fail "nothing is recorded in $record; was it installed by this script?"
    if [ -x "$program" ]; then
        set -- "$program" uninstall
        [ -z "$purge" ] || set -- "$@" --purge
        # What is left behind would do harm without the program: hooks that refuse, an authority that is trusted.
        run "$@" || fail "something is left to do, see above; do that, then run this again"
    fi
    case $method in
        uv) run uv tool uninstall pipelock ;;
        pipx) run pipx uninstall pipelock ;;
        venv)
            if [ "$(readlink "$program" 2>/dev/null)" = "$venv/bin/pipelock" ]; then
                run rm -f "$program"
            fi
            run rm -rf "$venv"
            ;;
        *) fail "$record names a way that there is not: $method" ;;
    esac
    run rm -f "$record"
    [ -n "$dry" ] || rmdir "$state" 2>/dev/null || true
    [ -n "$dry" ] || say "uninstalled"
}

main() {
    from='' version='' sum='' method='' service='' dry='' away='' purge=''
    while [ $# -gt 0 ]; do
        case $1 in
            --from | --version | --sha256 | --with)
                [ $# -gt 1 ] || misused "$1 needs a value"
                case $1 in
                    --from) from=$2 ;;
                    --version) version=$2 ;;
                    --sha256) sum=$2 ;;
                    --with) method=$2 ;;
                esac
                shift
                ;;
            --service) service=yes ;;
            --dry-run) dry=yes ;;
            --uninstall) away=yes ;;
            --purge) purge=yes ;;
            -h | --help)
                usage
                exit 0
                ;;
            *) misused "there is no option $1" ;;
        esac
        shift
    done
    [ -n "${HOME:-}" ] || fail "HOME is not set"
    state=${XDG_DATA_HOME:-$HOME/.local/share}/pipelock
    record=$state/install.txt
    venv=$state/venv
    if [ -n "$away" ]; then
        [ -z "$from$version$sum$method$service" ] || misused "--uninstall goes with --purge and --dry-run alone"
        uninstall
    else
        [ -z "$purge" ] || misused "--purge goes with --uninstall"
        install
    fi
}

# Last, so that a file that was cut off does nothing.
main "$@"
