from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from pipelock.cli import judge as judge_module
from pipelock.cli.judge import judge, lookup
from pipelock.config import loads
from pipelock.engine import Answers
from pipelock.model import Verdict


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all, so that the rules are compiled once."""
    return tmp_path_factory.mktemp("cache")


def resolver(*addresses: str, error: str = "") -> tuple[list[str], object]:
    asked: list[str] = []

    def resolve(host: str) -> Answers:
        asked.append(host)
        return Answers(addresses, error)

    return asked, resolve


@pytest.mark.parametrize(
    ("addresses", "error", "verdict"),
    [
        (("93.184.216.34",), "", Verdict.ALLOW),
        (("10.0.0.1",), "", Verdict.BLOCK),
        (("93.184.216.34", "127.0.0.1"), "", Verdict.BLOCK),
        ((), "no such name", Verdict.BLOCK),
    ],
)
def test_what_a_name_resolves_to_counts(cache: Path, addresses: tuple[str, ...], error: str, verdict: Verdict) -> None:
    asked, resolve = resolver(*addresses, error=error)
    decision = judge(loads("", "x"), "http://site.example/", cache, resolve)  # type: ignore[arg-type]
    assert decision.verdict is verdict
    assert asked == ["site.example"]


def test_what_is_refused_by_its_text_is_not_looked_up(cache: Path) -> None:
    asked, resolve = resolver("93.184.216.34")
    assert judge(loads("", "x"), "ftp://site.example/", cache, resolve).verdict is Verdict.BLOCK  # type: ignore[arg-type]
    assert asked == []


def test_answers_are_unique_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (address, 0)) for address in ("::1", "127.0.0.1", "::1")]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert lookup("x.example") == Answers(("::1", "127.0.0.1"))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (socket.gaierror(-2, "no such name"), "no such host (no such name)"),
        (UnicodeError("label too long"), "not a host name that can be looked up"),
    ],
)
def test_a_failed_lookup_says_why(monkeypatch: pytest.MonkeyPatch, error: Exception, says: str) -> None:
    def fail(*_: object, **__: object) -> list[tuple[object, ...]]:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert lookup("x.example") == Answers(error=says)


def test_a_resolver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*_: object, **__: object) -> list[tuple[object, ...]]:
        release.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(judge_module, "DNS_TIMEOUT", 0.02)
    assert lookup("x.example").error == "no answer within 0.02 s"
    release.set()
