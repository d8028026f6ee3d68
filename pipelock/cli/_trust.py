"""What `env` and `trust` both have to find out: where the proxy is, and what it shows programs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipelock.cli.address import parse_address, url_of
from pipelock.cli.commands import DEFAULT_ADDRESS
from pipelock.cli.errors import CommandError, UsageError
from pipelock.cli.link import open_client
from pipelock.cli.table import Arguments
from pipelock.config import Config, ConfigError, load
from pipelock.control.client import NotRunning
from pipelock.control.paths import home_dir
from pipelock.trust.bundle import Bundle, refresh

__all__ = ["Setup", "authority_files", "find_setup", "refresh_bundle"]


class Setup(NamedTuple):
    """The daemon that runs, or the one that would. `proxy` is a URL."""

    config: Config
    proxy: str


def find_setup(arguments: Arguments, address: str | None = None) -> Setup:
    """The configuration of `-c`, else that of the running daemon, else the defaults; and its listener, or `address`.

    Raises:
        UsageError: the configuration, or the address, is not valid.
    """
    running, path = _running(arguments)
    try:
        config = load(arguments.config or path).config
    except ConfigError as error:
        raise UsageError(str(error.problems[0])) from error
    # A daemon that does not run yet listens where its file says.
    planned = config.fetch_proxy.listen if arguments.config is not None else DEFAULT_ADDRESS
    return Setup(config, url_of(*parse_address(address or running or planned)))


def _running(arguments: Arguments) -> tuple[str, Path | None]:
    """Where the daemon listens, and the file of its configuration; empty where none runs."""
    try:
        with open_client(arguments) as client:
            status = client.status()
    except NotRunning:
        return "", None
    return status.listen, Path(status.config_path) if status.config_path else None


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
    with_java = bool(environ.get("JAVA_HOME")) or shutil.which("java", path=environ.get("PATH")) is not None
    try:
        return refresh(home / "trust", certificate, environ, with_java=with_java)
    except (OSError, ValueError) as error:
        raise CommandError(f"the files for trust variables can't be written: {error}") from error


def _make_authority(certificate: Path, key: Path) -> None:
    # Imported here: most of the time there is one, and reading it takes no cryptography.
    from pipelock.tls.authority import Authority, AuthorityError  # noqa: PLC0415

    try:
        Authority.open(certificate, key)
    except AuthorityError as error:
        raise CommandError(str(error)) from error
