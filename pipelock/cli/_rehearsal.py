"""A check-up's stage: a daemon of its own with the user's policy, and a server on loopback that it may reach.

The policy is kept to the letter but for what would reach the world or the user's own daemon: listeners, notes and
webhooks are left out, the kill switch is off, and what asks is denied at once. Added are the server's name, which may
be reached, and another one that stands on the list of refused hosts. Both lead to loopback, so that nothing leaves the
machine, whatever a check finds.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pipelock.cli._check_origin import Origin
from pipelock.cli._trust import alone, private_folder
from pipelock.config import Config, Loaded
from pipelock.config.schema_operations import EgressRule
from pipelock.trust.instance import Instance

__all__ = ["BLOCKED", "GOOD_HOST", "Answer", "Reached", "Rehearsal", "Terms", "rehearse", "staged"]

GOOD_HOST = "origin.pipelock-check.test"
BLOCKED = "blocked.pipelock-check.test"
SECONDS = 15.0
"""For one exchange; a first look at a text compiles nothing any more, but the machine may be busy."""
MAX_ANSWER = 1 << 20
_MAX_AUDIT = 1 << 20
_LOOPBACK = "127.0.0.0/8"


class Terms(msgspec.Struct, frozen=True):
    """What the daemon of a check-up is told besides its configuration.

    Attributes:
        audit: Where its audit log is.
        closed: The server can't be reached through it, so that what arrives there came another way.
    """

    audit: str
    closed: bool = False


class Answer(msgspec.Struct, frozen=True):
    """What came back. `status` is 0 where nothing did, and `problem` then says why."""

    status: int = 0
    body: bytes = b""
    problem: str = ""


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request.

    Attributes:
        answer: What the client got.
        arrived: Whether the server saw it.
        records: What the audit log says of it.
    """

    answer: Answer
    arrived: bool
    records: tuple[Mapping[str, object], ...]

    def recorded(self, *verdicts: str) -> str:
        """The reason that the audit log gives for one of these verdicts; empty where there is none."""
        for record in self.records:
            if record.get("verdict") in verdicts and record.get("findings"):
                return str(record.get("reason") or record.get("message") or "recorded")
        return ""


def staged(terms: Terms, loaded: Loaded) -> Loaded:
    """The configuration of the check-up's daemon."""
    config, replace = alone(loaded.config, terms.audit), msgspec.structs.replace
    monitoring = replace(config.fetch_proxy.monitoring, blocklist=(*config.fetch_proxy.monitoring.blocklist, BLOCKED))
    names = {GOOD_HOST: ("127.0.0.1",), BLOCKED: ("127.0.0.1",)}
    way = EgressRule(name="check-up", action="allow", host=GOOD_HOST)
    allowed = config.ssrf.ip_allowlist if terms.closed else (*config.ssrf.ip_allowlist, _LOOPBACK)
    changed: Config = replace(
        config,
        api_allowlist=(*config.api_allowlist, GOOD_HOST),
        egress_rules=(way, *config.egress_rules),
        dns=replace(config.dns, host_overrides={**config.dns.host_overrides, **names}),
        ssrf=replace(config.ssrf, ip_allowlist=allowed),
        fetch_proxy=replace(config.fetch_proxy, monitoring=monitoring),
        approvals=replace(config.approvals, unattended="deny"),
        kill_switch=replace(config.kill_switch, enabled=False, sentinel_file=f"{terms.audit}.kill"),
    )
    return msgspec.structs.replace(loaded, config=changed)


class Rehearsal:
    """The stage while it stands.

    Attributes:
        address: Where the daemon listens.
        home: Its home.
        origin: The server.
    """

    def __init__(self, address: tuple[str, int], home: Path, audit: Path, origin: Origin) -> None:
        self.address = address
        self.home = home
        self.origin = origin
        self._audit = audit

    @staticmethod
    def token() -> str:
        """A word of its own for each request: by it the server knows whether that arrived."""
        return f"t{secrets.token_hex(8)}"

    def url(self, path: str, host: str = GOOD_HOST) -> str:
        """A URL of the server, by one of its names."""
        return f"http://{host}:{self.origin.port}{path}"

    def request(self, target: str, token: str, body: bytes = b"") -> Reached:
        """Send one request to the daemon: a path of its own, or an absolute URL.

        Args:
            target: What is asked for.
            token: What is looked for among what the server saw; it has to be in the target or the body.
            body: With one, it is a POST.
        """
        authority = target.split("/")[2] if target.startswith("http://") else f"127.0.0.1:{self.address[1]}"
        method = "POST" if body else "GET"
        head = f"{method} {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nAccept: */*\r\n"
        if body:
            head += f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        return self.exchange(head.encode() + b"\r\n" + body, token)

    def exchange(self, sent: bytes, token: str, then: bytes = b"", *, only_head: bool = False) -> Reached:
        """Send bytes and read what comes until it ends, or with `only_head` to the end of the head.

        `then` is sent after the head of a 1xx or 2xx answer.
        """
        mark = self._audit.stat().st_size if self._audit.exists() else 0
        answer = _ask(self.address, sent, then, only_head=only_head)
        return Reached(answer=answer, arrived=self.origin.saw(token.encode()), records=self._since(mark))

    def _since(self, mark: int) -> tuple[Mapping[str, object], ...]:
        """What was recorded since: each line is written before what it tells takes effect."""
        try:
            with self._audit.open("rb") as file:
                file.seek(mark)
                lines = file.read(_MAX_AUDIT).split(b"\n")[:-1]
        except OSError:
            return ()
        return tuple(json.loads(line) for line in lines)


@contextmanager
def rehearse(home: Path, config: Path | None, *, closed: bool = False) -> Iterator[Rehearsal]:
    """Set the stage.

    Args:
        home: The user's: rules that were compiled for it are used.
        config: The user's configuration; `None` for the defaults.
        closed: As in `Terms`.

    Raises:
        InstanceError: the daemon does not start.
        OSError: there is no room for it.
    """
    with private_folder(home) as folder, Origin() as origin:
        audit = folder / "audit.jsonl"
        terms = msgspec.json.encode(Terms(str(audit), closed)).decode()
        words = [sys.executable, "-m", "pipelock.cli._check_daemon", str(folder / "home"), str(config or ""), terms]
        environ = {name: value for name, value in os.environ.items() if name != "PIPELOCK_HOME"}
        with Instance(words, environ, folder / "stderr.log", audit) as instance:
            host, _, port = instance.proxy.removeprefix("http://").rpartition(":")
            yield Rehearsal((host, int(port)), folder / "home", audit, origin)


def _ask(address: tuple[str, int], sent: bytes, then: bytes, *, only_head: bool) -> Answer:
    deadline = time.monotonic() + SECONDS
    received = bytearray()
    try:
        with socket.create_connection(address, timeout=SECONDS) as link:
            link.sendall(sent)
            while len(received) < MAX_ANSWER:
                link.settimeout(max(deadline - time.monotonic(), 0.001))
                data = link.recv(65_536)
                if not data:
                    break
                received += data
                if b"\r\n\r\n" not in received:
                    continue
                if only_head:
                    break
                if then and _status(received) < 300:
                    link.sendall(then)
                then = b""
    except OSError as error:
        if not received:
            return Answer(problem="no answer in time" if isinstance(error, TimeoutError) else str(error))
    return Answer(_status(received), bytes(received.partition(b"\r\n\r\n")[2]))


def _status(received: bytes | bytearray) -> int:
    words = bytes(received[:64]).split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/1.") and words[1].isdigit() else 0
