"""Reading the files whose contents must not leave: well-known credential files of the user, and `dlp.secrets_file`.

Limits: 1 MiB of a file, 64 files of a folder, 1 000 entries of the secrets file. Of the well-known files, one that is
missing or can't be read is passed over; the secrets file must be there and must be the user's own.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from pipelock.config import Config
from pipelock.detect.credential_files import read_credentials
from pipelock.detect.known import LONGEST_VALUE, MAX_KNOWN, KnownValue

__all__ = ["SecretFileError", "known_values", "read_secret", "read_secrets_file"]

MAX_FILE = 1 << 20
MAX_FILES = 64
SHORTEST_OWN = 12
"""Characters of a token of our own from which on it can be told from other text."""

_FILES = (
    (".aws/credentials", "aws"),
    (".netrc", "netrc"),
    (".npmrc", "npm"),
    (".pypirc", "pypi"),
    (".config/gh/hosts.yml", "gh"),
    (".docker/config.json", "docker"),
    (".git-credentials", "git"),
    (".config/git/credentials", "git"),
    (".kube/config", "kube"),
)
_FOLDERS = (
    (".ssh", "*", "ssh"),
    (".config/gcloud", "*.json", "json"),
    (".config/gcloud/legacy_credentials", "*/*.json", "json"),
)


class SecretFileError(Exception):
    """`dlp.secrets_file` can't be used; the text says why."""


def known_values(config: Config, home: Path | None, folder: Path | None) -> tuple[list[KnownValue], list[str]]:
    """The values that `config` asks for, and what the operator should know about them.

    Args:
        config: Section `dlp`.
        home: The user's home folder.
        folder: Where the daemon was started; its `.env` counts.

    Raises:
        SecretFileError: the secrets file can't be used.
    """
    values: list[KnownValue] = []
    notes: list[str] = []
    if config.dlp.secrets_file:
        values, notes = read_secrets_file(Path(config.dlp.secrets_file), config.dlp.min_env_secret_length)
    values = [*_own(config), *values]
    if config.dlp.scan_files:
        values += _well_known(home, folder)
    return values[:MAX_KNOWN], notes


def _own(config: Config) -> list[KnownValue]:
    """What makes its bearer the operator: an agent of the same user may read it, and must not hand it on."""
    tokens = [
        (config.kill_switch.api_token, "kill_switch.api_token"),
        (config.notifications.webhook.secret, "notifications.webhook.secret"),
        *((token, "scan_api.auth.bearer_tokens") for token in config.scan_api.auth.bearer_tokens),
    ]
    return [KnownValue(text, key) for text, key in tokens if SHORTEST_OWN <= len(text) <= LONGEST_VALUE]


def read_secrets_file(path: Path, min_length: int) -> tuple[list[KnownValue], list[str]]:
    """The lines of a file, without comments (`#`), and a note for each line that is no use.

    Raises:
        SecretFileError: it can't be read, others may read it, or it has too many lines.
    """
    try:
        data = _read(path, private=True)
    except OSError as error:
        raise SecretFileError(f"dlp.secrets_file: {path}: {error.strerror or error}") from error
    values: list[KnownValue] = []
    notes: list[str] = []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith(b"#"):
            continue
        problem = _problem(line, min_length)
        if problem:
            notes.append(f"dlp.secrets_file: line {number} {problem}; it is not watched")
        else:
            values.append(KnownValue(line.decode("utf-8", "surrogateescape"), f"secrets file line {number}"))
    if len(values) > MAX_KNOWN:
        raise SecretFileError(f"dlp.secrets_file: {path} has more than {MAX_KNOWN} entries")
    return values, notes


def read_secret(path: Path, key: str) -> str:
    """The one secret that a file holds, white space around it taken off; `key` is the setting that names the file.

    Raises:
        SecretFileError: it can't be read, others may read it, it is empty or no text.
    """
    try:
        text = _read(path, private=True).decode().strip()
    except OSError as error:
        raise SecretFileError(f"{key}: {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SecretFileError(f"{key}: {path}: not UTF-8 text") from error
    if not text:
        raise SecretFileError(f"{key}: {path}: empty")
    return text


def _problem(line: bytes, min_length: int) -> str:
    if b"\0" in line:
        return "holds a NUL"
    if len(line) > LONGEST_VALUE:
        return f"is longer than {LONGEST_VALUE} bytes"
    # An entry that was written down on purpose may be shorter than one that is found.
    if len(line) < min(min_length, 8):
        return "is too short to be told from other text"
    return ""


def _read(path: Path, *, private: bool = False) -> bytes:
    """The first `MAX_FILE` bytes of a regular file; a named pipe must not make the daemon wait.

    Raises:
        OSError: it can't be read; with `private`, others than the user may read it or it is too large.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise OSError("not a regular file")
        if private and info.st_mode & 0o037:
            raise OSError(f"others may read or change it (mode {info.st_mode & 0o777:o}); chmod 600 it")
        data = file.read(MAX_FILE + 1)
    if private and len(data) > MAX_FILE:
        raise OSError(f"larger than {MAX_FILE} bytes")
    return data[:MAX_FILE]


def _well_known(home: Path | None, folder: Path | None) -> list[KnownValue]:
    values: list[KnownValue] = []
    for path, name, kind in _candidates(home, folder):
        with suppress(OSError):
            values += read_credentials(name, kind, _read(path).decode("utf-8", "replace"))
    return values


def _candidates(home: Path | None, folder: Path | None) -> Iterator[tuple[Path, str, str]]:
    if home is not None:
        for name, kind in _FILES:
            yield home / name, f"~/{name}", kind
        for name, pattern, kind in _FOLDERS:
            with suppress(OSError):
                for path in sorted(islice((home / name).glob(pattern), MAX_FILES)):
                    yield path, f"~/{path.relative_to(home)}", kind
    if folder is not None:
        yield folder / ".env", ".env", "env"
