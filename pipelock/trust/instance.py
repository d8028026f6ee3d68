"""A daemon of one's own for a while: a child with a home, a port and an audit log that nobody else uses."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from pipelock.trust.sightings import Sighting, read_audit

__all__ = ["Instance", "InstanceError", "probe_config"]

START_SECONDS = 60.0
"""Rules that were never compiled on this machine take seconds."""
STOP_SECONDS = 10.0
MAX_AUDIT = 64 << 20
"""Bytes of the audit log that are read."""
_SAID = "listening on "
_STEP = 0.05


class InstanceError(Exception):
    """The daemon did not start; the text says why."""


class Instance:
    """A daemon that runs while this is entered. It ends with us too, however we end: its input is then closed.

    Args:
        command: Starts it; it says `listening on ADDRESS` on its standard error.
        environ: Its environment.
        log: For its standard error.
        audit: Where it writes its audit log.

    Raises:
        InstanceError: on entering, where it does not start within a minute.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], log: Path, audit: Path) -> None:
        self._command = command
        self._environ = environ
        self._log = log
        self._audit = audit
        self._process: subprocess.Popen[bytes] | None = None
        self.proxy = ""

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                self._command,
                env=dict(self._environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; it is stopped by its input
            )
        try:
            self.proxy = f"http://{self._await_address(self._process)}"
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def sightings(self) -> dict[str, Sighting]:
        """What it saw so far, by host."""
        try:
            with self._audit.open("rb") as file:
                return read_audit(file.read(MAX_AUDIT).splitlines())
        except OSError:
            return {}

    def _await_address(self, process: subprocess.Popen[bytes]) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            has_ended = process.poll() is not None
            said = self._log.read_text("utf-8", "replace")
            for line in said.splitlines(keepends=True):
                if _SAID in line and line.endswith("\n"):
                    return line.partition(_SAID)[2].split()[0]
            if has_ended:
                lines = said.strip().splitlines()
                raise InstanceError(lines[-1] if lines else f"it ended with code {process.returncode}")
            time.sleep(_STEP)
        raise InstanceError(f"it did not start within {START_SECONDS:.0f} s")

    def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def probe_config(hosts: Sequence[str], authority: tuple[Path, Path], origin_authority: Path, audit: Path) -> str:
    """The configuration of an instance that lets programs reach `hosts`, on loopback, and nothing else.

    Args:
        hosts: Names of the test server.
        authority: Certificate and key that programs are shown.
        origin_authority: What the instance trusts besides the system's store.
        audit: The file of its audit log.
    """
    certificate, key = authority
    return json.dumps(
        {
            "mode": "strict",
            "api_allowlist": [*hosts],
            "fetch_proxy": {"monitoring": {"max_requests_per_minute": 0}},
            "forward_proxy": {"enabled": True},
            "tls_interception": {
                "enabled": True,
                "ca_cert": str(certificate),
                "ca_key": str(key),
                "upstream_ca": [str(origin_authority)],
                "passthrough_domains": [],
            },
            "dns": {"host_overrides": {host: ["127.0.0.1"] for host in hosts}},
            "ssrf": {"ip_allowlist": ["127.0.0.0/8"]},
            "logging": {"output": "file", "file": str(audit)},
        }
    )
