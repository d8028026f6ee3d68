"""What `env` and `trust` both have to find out: where the proxy is, and what it shows programs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipelock.cli.address import parse_address, url_of
from pipelock.cli.commands import DEFAULT_ADDRESS
from pipelock.cli.errors import CommandError, UsageError
from pipelock.cli.link import open_client
from pipelock.cli.output import complain
from pipelock.cli.table import Arguments
from pipelock.config import Config, ConfigError, load
from pipelock.config.presets import preset_names, preset_path
from pipelock.config.schema_notifications import Notifications
from pipelock.control.client import NotRunning
from pipelock.control.paths import home_dir
from pipelock.trust.bundle import Bundle, refresh_home
from pipelock.trust.instance import Instance

__all__ = [
    "Loan",
    "Setup",
    "alone",
    "authority_files",
    "find_setup",
    "private_daemon",
    "private_folder",
    "refresh_bundle",
]


class Loan(msgspec.Struct, frozen=True):
    """What a private daemon takes over from the user's own: files, by their paths."""

    audit: str
    certificate: str
    key: str
    sentinel: str


class Setup(NamedTuple):
    """The daemon that runs, or the one that would. `path` is the file of its configuration, `proxy` a URL."""

    config: Config
    path: Path | None
    proxy: str


def find_setup(arguments: Arguments, address: str | None = None, *, presets: bool = False) -> Setup:
    """The configuration of `-c`, else that of the running daemon, else the defaults; and its listener, or `address`.

    With `presets` that of a daemon which runs a preset unchanged is the preset's file: all are read, and the hash of
    their policies tells.

    Raises:
        UsageError: the configuration, or the address, is not valid.
    """
    running, path, certificate, policy = _running(arguments)
    path = arguments.config or path
    if path is None and policy and presets:
        path = next((one for one in map(preset_path, preset_names()) if load(one).policy_hash == policy), None)
    try:
        config = load(path).config
    except ConfigError as error:
        raise UsageError(str(error.problems[0])) from error
    if certificate and arguments.config is None:
        # It may have been started with a preset, or with flags.
        section = msgspec.structs.replace(config.tls_interception, enabled=True, ca_cert=certificate)
        config = msgspec.structs.replace(config, tls_interception=section)
    # A daemon that does not run yet listens where its file says.
    planned = config.fetch_proxy.listen if arguments.config is not None else DEFAULT_ADDRESS
    return Setup(config, path, url_of(*parse_address(address or running or planned)))


def _running(arguments: Arguments) -> tuple[str, Path | None, str, str]:
    """Where the daemon listens, the file of its configuration, its authority's if it has one, the hash of its policy.

    All are empty where none runs.
    """
    try:
        with open_client(arguments) as client:
            status = client.status()
    except NotRunning:
        return "", None, "", ""
    return status.listen, Path(status.config_path) if status.config_path else None, status.ca_cert, status.policy


def authority_files(config: Config, home: Path) -> tuple[Path, Path]:
    """The authority's certificate and key."""
    section = config.tls_interception
    return Path(section.ca_cert or home / "ca.pem"), Path(section.ca_key or home / "ca-key.pem")


def refresh_bundle(arguments: Arguments, config: Config, environ: Mapping[str, str] = os.environ) -> Bundle:
    """The files that trust variables point at, as new as their sources; the authority is made where there is none.

    Raises:
        CommandError: there is no authority and none can be made, or a file can't be written.
    """
    home = home_dir(os.environ, arguments.home)
    certificate, key = authority_files(config, home)
    if not certificate.exists():
        _make_authority(certificate, key)
    try:
        return refresh_home(home, str(certificate), environ)
    except OSError as error:
        raise CommandError(f"the files for trust variables can't be written: {error}") from error


def _make_authority(certificate: Path, key: Path) -> None:
    # Imported here: most of the time there is one, and reading it takes no cryptography.
    from pipelock.tls.authority import Authority, AuthorityError  # noqa: PLC0415

    try:
        Authority.open(certificate, key)
        complain(f"made a certificate authority for this machine: {certificate}")
    except AuthorityError as error:
        raise CommandError(str(error)) from error


def alone(config: Config, audit: str) -> Config:
    """`config` for a daemon beside the user's own: without the other listeners, notes and webhooks.

    Everything is recorded in the file `audit`.
    """
    replace = msgspec.structs.replace
    changed: Config = replace(
        config,
        agents={name: replace(profile, listeners=()) for name, profile in config.agents.items()},
        kill_switch=replace(config.kill_switch, api_listen=""),
        notifications=Notifications(),
        logging=replace(config.logging, output="file", file=audit, include_allowed=True, include_blocked=True),
        metrics_listen="",
        scan_api=replace(config.scan_api, listen=""),
        reverse_proxy=replace(config.reverse_proxy, enabled=False),
    )
    return changed


@contextmanager
def private_folder(home: Path) -> Iterator[Path]:
    """A folder for one run, with a home for a daemon in it. Compiled rules are the user's: compiling takes seconds."""
    with tempfile.TemporaryDirectory(prefix="pipelock-doctor-") as name:
        folder = Path(name)
        (folder / "home").mkdir(mode=0o700)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)  # by itself: mkdir's mode is not for parents
        (home / "cache").mkdir(mode=0o700, exist_ok=True)
        (folder / "home" / "cache").symlink_to(home / "cache")
        yield folder


def private_daemon(folder: Path, config: Path | None, loan: Loan | None = None) -> Instance:
    """A daemon that lives in `folder`, still to be entered; its audit log is `audit.jsonl` there."""
    words = [sys.executable, "-m", "pipelock.cli._private_daemon", str(folder / "home"), str(config or "")]
    if loan is not None:
        words.append(msgspec.json.encode(loan).decode())
    return Instance(words, os.environ, folder / "stderr.log", folder / "audit.jsonl")
