from __future__ import annotations

import json

import pytest

from pipelock.evidence.line import error_line
from pipelock.tls.pipe import BrokenTlsError
from pipelock.tls.refusal import broken_handshake, closed_silently, out_of_time
from pipelock.trust import sightings
from pipelock.trust.sightings import Outcome, Sighting, outcome_of, read_audit
from tests.factories import an_action


def line(**fields: object) -> bytes:
    return json.dumps({"component": "pipelock", **fields}).encode()


CONNECT = line(event="tunnel_open", kind="connect", verdict="allow", target="a.test:443")
REQUEST = line(event="forward_http", kind="request", verdict="allow", url="https://a.test/x", method="GET")


def error(why: str, method: str = "CONNECT") -> bytes:
    return line(event="error", method=method, target="a.test:443", message=why)


REFUSAL = "the client does not trust Pipelock's certificate authority (alert: unknown ca)"


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        ([CONNECT], Sighting(connects=1)),
        ([CONNECT, REQUEST, REQUEST], Sighting(connects=1, requests=2)),
        ([CONNECT, error(REFUSAL)], Sighting(connects=1, refusals=1, refusal=REFUSAL)),
        ([CONNECT, error("no shared cipher")], Sighting(connects=1, trouble="no shared cipher")),
        ([REQUEST, error("timed out", "GET")], Sighting(requests=1, trouble="timed out")),
        (
            [line(kind="connect", verdict="block", target="a.test:443", reason="not allowed")],
            Sighting(connects=1, blocks=1, blocked="not allowed"),
        ),
        ([line(kind="client_hello", verdict="allow", target="a.test:443")], Sighting()),
        ([line(event="forward_http", kind="response", verdict="allow", url="https://a.test/")], Sighting()),
    ],
)
def test_what_lines_say_of_a_host(lines: list[bytes], seen: Sighting) -> None:
    assert read_audit(lines) == {"a.test": seen}


def test_hosts_keep_their_order_and_ipv6_its_colons() -> None:
    lines = [line(kind="connect", target="[::1]:443"), CONNECT, line(kind="request", url="http://[::1]/")]
    assert list(read_audit(lines)) == ["::1", "a.test"]
    assert read_audit(lines)["::1"] == Sighting(connects=1, requests=1)


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[]", b"null", b"\xff", line(url="https://[x/"), line(target=7)])
def test_lines_that_are_none_of_ours_are_passed_over(rubbish: bytes) -> None:
    assert read_audit([rubbish, CONNECT]) == {"a.test": Sighting(connects=1)}


def test_hosts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "MAX_HOSTS", 2)
    seen = read_audit([line(kind="connect", target=f"h{number}.test:1") for number in (1, 2, 3, 1)])
    assert seen == {"h1.test": Sighting(connects=2), "h2.test": Sighting(connects=1)}


@pytest.mark.parametrize(
    ("failure", "is_refusal"),
    [
        (broken_handshake(BrokenTlsError(("ssl/tls alert unknown ca",)), "", showed_certificate=True), True),
        (closed_silently("node"), True),
        (out_of_time(), False),
        (broken_handshake(BrokenTlsError(("no shared cipher",)), "", showed_certificate=False), False),
    ],
)
def test_the_daemon_s_own_words_are_understood(failure: object, is_refusal: bool) -> None:
    why = f"{getattr(failure, 'why', '')}; a hint"
    action = an_action(method="CONNECT", host="a.test", port=443)
    seen = read_audit([error_line(action, why, 0.0)])["a.test"]
    assert bool(seen.refusals) is is_refusal
    assert (seen.refusal or seen.trouble) == why


@pytest.mark.parametrize(
    ("seen", "direct", "timed_out", "outcome"),
    [
        (Sighting(connects=1, requests=1), False, False, Outcome.GOOD),
        (Sighting(connects=1, requests=1), True, True, Outcome.GOOD),  # the proxy comes to the server as well
        (Sighting(connects=2, requests=1, refusals=1), False, False, Outcome.GOOD),  # a second attempt went well
        (Sighting(connects=1, requests=1, blocks=1), False, False, Outcome.GOOD),  # read, and refused for what it said
        (Sighting(connects=1, refusals=1), False, True, Outcome.REFUSED),
        (Sighting(connects=1, blocks=1), False, False, Outcome.BLOCKED),
        (Sighting(connects=1), False, False, Outcome.SILENT),
        (Sighting(), True, False, Outcome.DIRECT),
        (Sighting(), False, False, Outcome.IGNORED),
        (Sighting(), False, True, Outcome.TIMED_OUT),
    ],
)
def test_outcomes(seen: Sighting, direct: bool, timed_out: bool, outcome: Outcome) -> None:
    assert outcome_of(seen, direct=direct, timed_out=timed_out) is outcome
