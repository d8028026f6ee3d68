"""The pre-push hook: where it goes, and what it says."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pipelock.cli.errors import CommandError
from pipelock.service.kinds import ServiceError
from pipelock.service.manifest import HOOK, Manifest

__all__ = ["hook_script", "install"]

_MARK = "# Written by `pipelock git install-hooks`"
_GIT_SECONDS = 20.0


def hook_script(command: str, config: Path | None) -> str:
    """The hook as a POSIX shell script. Whatever goes wrong in it, nothing is pushed.

    Every commit that the remote lacks is looked at by itself: a secret that one commit adds and the next removes is
    pushed all the same. `--text` and the two `--no-` options keep the repository's own attributes from hiding a file.
    """
    words = [command, "git", "scan-diff", *(["-c", str(config.absolute())] if config is not None else [])]
    scan = " ".join(map(shlex.quote, words))
    return f"""\
#!/bin/sh
{_MARK}; run it with --force to write it anew, remove the file to be rid of it.
# Refuses a push whose commits add secrets. Fails closed: what can't be looked at is not pushed.
set -eu
fail() {{ printf 'pipelock: %s; the push is refused\\n' "$1" >&2; exit 1; }}
command -v {shlex.quote(command)} >/dev/null 2>&1 || fail "the program is not there"
changes=$(mktemp) || fail "no temporary file can be made"
trap 'rm -f "$changes"' EXIT
trap 'exit 1' HUP INT TERM
zeros=$(git hash-object --stdin </dev/null | tr '0-9a-f' '0') || fail "git does not answer"
while read -r _ local_id _ remote_id; do
    [ "$local_id" = "$zeros" ] && continue
    if [ "$remote_id" != "$zeros" ] && git cat-file -e "$remote_id^{{commit}}" 2>/dev/null; then
        set -- "$local_id" "^$remote_id"
    else
        set -- "$local_id" --not --remotes
    fi
    git -c diff.noprefix=false -c diff.mnemonicPrefix=false log -p --cc --text --no-color --no-ext-diff \\
        --no-textconv --no-renames --format= --src-prefix=a/ --dst-prefix=b/ "$@" >"$changes" \\
        || fail "the commits can't be read"
    {scan} <"$changes" || fail "pipelock found secrets, or could not look"
done
exit 0
"""


def install(command: str | None, config: Path | None, home: Path, *, force: bool) -> Path:
    """Write the hook where git looks for it (`core.hooksPath` included), mode 0755; ours is replaced, no other.

    Where it is is remembered in `home`: once the program is gone it would refuse every push.

    Raises:
        CommandError: no repository, no program, somebody else's hook without `force`, or nothing can be written.
    """
    program = command or _ourselves()
    folder = _hooks_folder()
    path = folder / "pre-push"
    if os.path.lexists(path) and not force and not _is_ours(path):
        raise CommandError(f"{path}: there is a hook already; --force replaces it")
    text = hook_script(program, config)
    try:
        Manifest(home).add(path, text.encode(), program, HOOK)
        folder.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
    except ServiceError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from error
    return path


def _replace(path: Path, text: str) -> None:
    fd, name = tempfile.mkstemp(prefix=".pre-push-", dir=path.parent)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o755)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _is_ours(path: Path) -> bool:
    try:
        return _MARK in path.read_bytes()[:4096].decode("utf-8", "replace")
    except OSError:
        return False


def _ourselves() -> str:
    """The program as it was called, so that the hook finds it whatever PATH says then."""
    called = Path(sys.argv[0])
    if called.name == "pipelock" and called.is_file():
        return str(called.absolute())
    found = shutil.which("pipelock")
    if found is None:
        raise CommandError("the program pipelock is not on PATH; name it with --binary")
    return found


def _hooks_folder() -> Path:
    git = shutil.which("git")
    if git is None:
        raise CommandError("git is not installed")
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [git, "rev-parse", "--git-path", "hooks"], capture_output=True, text=True, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandError(f"git does not answer: {error}") from error
    folder = done.stdout.removesuffix("\n")
    if done.returncode or not folder:
        raise CommandError("this is no git repository")
    return Path(folder).expanduser().absolute()
