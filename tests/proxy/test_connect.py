"""The road of a tunnel: what is read, what is carried as it is, and what is said of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pipelock.detect.hosts import HostSet
from pipelock.model import Kind, Verdict
from pipelock.proxy.connect import is_read
from pipelock.proxy.interception import Interception
from pipelock.proxy.raw_tcp import RawTcp
from tests.factories import FAKE_KEY
from tests.proxy.house import Caller, House
from tests.proxy.test_tunnel import ESTABLISHED, connect, hello

RAW = RawTcp(["git.example:22", "db.example:5432"])


def reading(**settings: Any) -> House:
    house = House(raw_tcp=RAW, **settings)
    authority: Any = SimpleNamespace()
    house.context.interception = Interception(authority, HostSet(["closed.example"]))
    return house


def opened(target: str, **settings: Any) -> tuple[House, Caller]:
    house = reading(**settings)
    client = house.caller()
    client.says(connect(target))
    for dial in house.dials:
        dial.answer()
    assert client.heard == ESTABLISHED
    client.line.take()
    return house, client


@pytest.mark.parametrize(
    ("host", "port", "read"),
    [("git.example", 22, False), ("git.example", 443, True), ("closed.example", 22, False), ("x.example", 5432, True)],
)
def test_what_is_read(host: str, port: int, read: bool) -> None:
    house = reading()
    assert is_read(house.context, host, port) is read
    house.context.interception = None
    assert not is_read(house.context, host, port)


def test_what_is_declared_passes_and_is_judged_as_a_tunnel_that_stays_closed() -> None:
    house, client = opened("git.example:22")
    house.dials[0].says(b"SSH-2.0-server\r\n")
    assert client.heard == b"SSH-2.0-server\r\n"
    for piece in (b"SSH-2.0-Op", b"enSSH\r\n", b"\x00\x01key"):
        client.says(piece)
    assert house.dials[0].heard == b"SSH-2.0-OpenSSH\r\n\x00\x01key"
    assert [record.action.kind for record in house.records] == [Kind.CONNECT]


@pytest.mark.parametrize("said", [b"EHLO x\r\n", b"\x00\x01", hello("git.example")], ids=["text", "binary", "TLS"])
def test_port_22_is_for_ssh(said: bytes) -> None:
    house, client = opened("git.example:22")
    client.says(said)
    assert house.dials[0].heard == b""
    assert client.line.is_closing
    assert "SSH" in house.records[-1].decision.reason
    assert house.records[-1].decision.layer == "raw_tcp"


def test_on_other_ports_anything_passes_but_what_could_be_read() -> None:
    house, client = opened("db.example:5432")
    client.says(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
    assert house.dials[0].heard == b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
    for said in (b"GET / HTTP/1.1\r\nHost: db.example\r\n\r\n", hello("other.example")):
        house, client = opened("db.example:5432")
        client.says(said)
        assert house.dials[0].heard == b""
        assert house.records[-1].decision.verdict is Verdict.BLOCK


def test_what_is_not_declared_is_refused_and_told_which_key_would_let_it_pass() -> None:
    house, client = opened("other.example:2222")
    client.says(b"SSH-2.0-OpenSSH\r\n")
    assert not house.dials
    assert "forward_proxy.raw_tcp" in house.records[-1].decision.reason
    house = reading()
    client = house.caller()
    client.says(connect("other.example:22"))
    assert client.heard.startswith(b"HTTP/1.1 403 ")
    assert "forward_proxy.raw_tcp" in house.records[-1].decision.reason


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("git push git@git.example:o/r.git", "git push git@git.example:o/r.git"),
        ("  two   blanks ", "two blanks"),
        ("x" * 1000, "x" * 300),
        ("\xe9t\xe9", "?t?"),
    ],
)
def test_what_git_says_that_it_wants_is_told_bounded_and_plain(said: str, kept: str) -> None:
    house = reading()
    client = house.caller()
    head = "CONNECT git.example:22 HTTP/1.1\r\nHost: git.example:22\r\nX-Pipelock-Remote: "
    client.says(head.encode() + said.encode("latin-1") + b"\r\n\r\n")
    assert house.records[0].action.remote == kept


def test_nothing_leaves_by_what_git_says() -> None:
    house = reading()
    client = house.caller()
    head = f"CONNECT git.example:22 HTTP/1.1\r\nHost: git.example:22\r\nX-Pipelock-Remote: git push {FAKE_KEY}\r\n\r\n"
    client.says(head.encode())
    assert client.heard.startswith(b"HTTP/1.1 403 ")
    assert house.records[0].action.remote == ""
    assert not house.dials
