from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.cli.lines import action_text, count, duration, event_line, gap_line, kill_text, size_text
from pipelock.control.frames import Gap
from pipelock.model import (
    ActionSummary,
    BlockReason,
    ConfigReloaded,
    Contained,
    ContainmentChanged,
    ContainmentStep,
    Decided,
    Decision,
    Denial,
    Event,
    GrantsChanged,
    Held,
    KillSwitchChanged,
    KillSwitchState,
    Kind,
    Notice,
    Outcome,
    Payload,
    Pending,
    Record,
    Released,
    Session,
    SessionChanged,
    Transport,
    TunnelClosed,
    Verdict,
    WallName,
    WallRefused,
    escape,
)

REQUEST = ActionSummary(
    id="a", kind=Kind.REQUEST, transport=Transport.FORWARD, method="GET", url="http://x.example/", host="x.example"
)
CONNECT = ActionSummary(
    id="b", kind=Kind.CONNECT, transport=Transport.CONNECT, url="https://x.example:443/", host="x.example", port=443
)
BLOCK = Decision(
    action_id="a", verdict=Verdict.BLOCK, layer="dlp", reason="a credential", code=BlockReason.DLP_MATCH, status=403
)
ALLOW = Decision(action_id="a", verdict=Verdict.ALLOW)
SESSION = Session(key="a|1", agent="a", client="1", started_at=0, last_seen_at=0)
BOX = Contained(id="0123456789ab", agent="bob")
PENDING = Pending(id="3", group="g", action=REQUEST, reason="asks", held_at=0, expires_at=60)


def line(payload: Payload) -> str:
    # The clock shows local time, so it is cut out.
    shown = event_line(Event(12, 0.0, payload))
    return shown[:6] + shown[15:]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (Decided(Record(at=0, action=REQUEST, decision=ALLOW)), "    12 allow     GET http://x.example/"),
        (
            Decided(Record(at=0, action=REQUEST, decision=BLOCK)),
            "    12 block     GET http://x.example/ - dlp: a credential",
        ),
        (SessionChanged(SESSION, "reset", "begun afresh", "Ann"), "    12 session   a|1: begun afresh (by Ann)"),
        (SessionChanged(SESSION, "taint"), "    12 session   a|1: taint"),
        (GrantsChanged("g1 was taken back", "Ann"), "    12 grants    g1 was taken back (by Ann)"),
        (
            Decided(Record(at=0, action=CONNECT, decision=ALLOW)),
            "    12 allow     connect x.example:443",
        ),
        (Held(PENDING), "    12 held      3: GET http://x.example/ - asks"),
        (Released("3", Outcome.APPROVED, "tui"), "    12 released  3: approved by tui"),
        (Released("3", Outcome.EXPIRED), "    12 released  3: expired"),
        (
            KillSwitchChanged(KillSwitchState(active=True, sources={"api": True, "signal": False}), "api"),
            "    12 kill      kill switch ON, held by api (by api)",
        ),
        (
            ConfigReloaded(ok=True, detail="done", weaker=("enforce is off",)),
            "    12 reloaded  done; weaker: enforce is off",
        ),
        (ConfigReloaded(ok=False, detail="bad file"), "    12 kept      bad file"),
        (
            TunnelClosed("b", "x.example:443", 2048, 10, 1500, "idle"),
            "    12 closed    x.example:443 after 1.5 s, 2.0 KiB out, 10 B in: idle",
        ),
        (Notice("warn", "audit mode"), "    12 warn      audit mode"),
        (
            ContainmentChanged("k", BOX, ContainmentStep.LOST, "cut off"),
            "    12 sandbox   bob 0123456789ab: lost, cut off",
        ),
        (
            WallRefused("k", "bob", Denial(WallName.FILES, "read /x", "not granted", "--allow-read /x", "cat", 2)),
            "    12 wall      bob: cat: read /x (2 times) - files: not granted; --allow-read /x",
        ),
    ],
)
def test_each_kind_of_event_has_its_line(payload: Payload, expected: str) -> None:
    assert line(payload) == expected


def test_twins_and_the_agent_are_named() -> None:
    twins = Pending(id="3", group="g", action=REQUEST, reason="asks", held_at=0, expires_at=60, twins=4)
    assert "(4 identical requests)" in line(Held(twins))
    named = ActionSummary(
        id="a", kind=Kind.RESPONSE, transport=Transport.FORWARD, url="http://x/", status=200, agent="bob"
    )
    decision = Decision(action_id="a", verdict=Verdict.WARN, reason="odd", enforced=False)
    assert line(Decided(Record(at=0, action=named, decision=decision))) == (
        "    12 warn      200 from http://x/ [bob] - odd (not enforced)"
    )


def test_a_gap_names_what_is_missing() -> None:
    assert gap_line(Gap(3, 9)) == "     9 -------- missing   events 3 to 9 are only in the audit log"


@given(st.text())
def test_whatever_the_network_says_a_line_is_one_printable_line(text: str) -> None:
    action = ActionSummary(
        id="a", kind=Kind.REQUEST, transport=Transport.FORWARD, method="GET", url=text, host=text, agent=text
    )
    decision = Decision(action_id="a", verdict=Verdict.BLOCK, reason=text)
    for payload in (
        Decided(Record(at=0, action=action, decision=decision)),
        Held(Pending(id=text, group="", action=action, reason=text, held_at=0, expires_at=0)),
        Released(text, Outcome.DENIED, text),
        Notice(text, text),
        ContainmentChanged(text, Contained(id=text, agent=text), ContainmentStep.ENDED, text),
        WallRefused(text, text, Denial(WallName.FILES, text, text, text, text)),
        TunnelClosed("", text, 0, 0, 0, text),
        ConfigReloaded(ok=True, detail=text, weaker=(text,)),
        KillSwitchChanged(KillSwitchState(active=True, sources={text: True}, message=text), text),
    ):
        shown = event_line(Event(1, 0.0, payload))
        # What the escaper would leave alone draws, hides and reorders nothing; a line feed it would not leave alone.
        assert escape(shown, 20_000) == shown
    assert escape(action_text(action)) == action_text(action)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-5, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (90_000, "1 d 1 h")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_572_864, "1.5 MiB"), (1 << 40, "1024.0 GiB")],
)
def test_sizes(size: int, expected: str) -> None:
    assert size_text(size) == expected


def test_counts() -> None:
    assert [count(number, "request") for number in (0, 1, 2)] == ["0 requests", "1 request", "2 requests"]


def test_a_switch_that_nobody_owns_up_to_is_still_on() -> None:
    assert kill_text(KillSwitchState(active=False)) == "off"
    assert kill_text(KillSwitchState(active=True)) == "ON, held by an unnamed source"
