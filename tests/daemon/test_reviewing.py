"""What the operator looks back at, with real threads and files and a reactor that is turned by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.internet.testing import MemoryReactorClock

from pipelock.config import ConfigError, Loaded, loads
from pipelock.config.schema_scanning import Suppression
from pipelock.config.suppressions_file import entry_id, format_file, overlaid
from pipelock.control.backend import BackendError
from pipelock.daemon.checks import Facts
from pipelock.daemon.reviewing import MAX_WAITING, Reviewing, ReviewParts
from pipelock.daemon.suppressions import SuppressionsFile, with_suppressions
from pipelock.door.bus import EventBus
from pipelock.engine.compile import suppressions_of
from pipelock.evidence.session_line import SessionEntry, session_line
from pipelock.model import (
    CheckState,
    Decided,
    Notice,
    Record,
    RuleKind,
    Verdict,
)
from tests.factories import a_decision, a_finding, a_policy, a_record, a_summary

PATIENCE = 60.0
JWT = a_finding(scanner="body_dlp", rule="JWT Token", place="body")
TEXT = "mode: balanced\negress_rules: [{name: asks, action: ask, host: example.com}]\n"


class Reactor(MemoryReactorClock):
    """Calls from threads wait until they are turned to."""

    def __init__(self) -> None:
        super().__init__()
        self.from_threads: list[Callable[[], object]] = []
        self.woken = threading.Event()

    def callFromThread(self, call: Any, *arguments: Any, **named: Any) -> None:
        self.from_threads.append(lambda: call(*arguments, **named))
        self.woken.set()

    def turn(self, until: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < deadline
            self.woken.wait(0.2)
            self.woken.clear()
            while self.from_threads:
                self.from_threads.pop(0)()


class Desk:
    def __init__(self, home: Path, text: str = TEXT) -> None:
        self.home = home
        self.text = text
        self.reactor: Any = Reactor()
        self.bus = EventBus(lambda: 1.0)
        self.loaded = self.read()
        self.reloads = 0
        self.lines: list[SessionEntry] = []
        self.reviewing = Reviewing(
            ReviewParts(
                reactor=self.reactor,
                bus=self.bus,
                home=home,
                loaded=lambda: self.loaded,
                policy=lambda: a_policy(suppressions=suppressions_of(self.loaded.config), body_action=Verdict.BLOCK),
                read=self.read,
                reload=lambda then: then(self.reload()),
                grants=tuple,
                facts=lambda: Facts(home=home, running=self.loaded, read=self.read, audit=home / "audit.jsonl"),
                audit=lambda: home / "audit.jsonl",
                write=lambda entry, _at: self.lines.append(entry),
            )
        )

    def read(self) -> Loaded:
        return with_suppressions(loads(self.text, "test"), self.home)

    def reload(self) -> str:
        self.loaded = self.read()
        self.reviewing.configure()
        self.reloads += 1
        return "in force"

    def decide(self, *records: Record) -> None:
        for record in records:
            self.bus.publish(Decided(record))

    def outcome(self, ask: Callable[[Callable[[Any], None]], object]) -> Any:
        found: list[Any] = []
        ask(found.append)
        self.reactor.turn(lambda: found)
        return found[0]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine gives threads and files their turn late."""
    for name in ("reviewing.FLUSH_SECONDS", "reviewing.SEARCH_SECONDS", "fixes.REPLAY_SECONDS"):
        monkeypatch.setattr(f"pipelock.daemon.{name}", PATIENCE)


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    made = Desk(tmp_path)
    made.reviewing.start()
    yield made
    made.reviewing.stop()


def refused(number: int = 0, path: str = "/v1/items", **changes: Any) -> Record:
    action = a_summary(id=f"a-{number}", url=f"http://example.com{path}", session="s", **changes)
    decision = a_decision(verdict=Verdict.BLOCK, layer="body_dlp", rule="", findings=(JWT,))
    return a_record(at=time.time() - 100 + number, action=action, decision=decision)


def test_what_was_decided_is_found(desk: Desk) -> None:
    desk.decide(refused(1), a_record(at=time.time()))
    page = desk.outcome(lambda then: desk.reviewing.search("verdict:block", 0, 10, 0.0, then))
    assert [kept.record.action.id for kept in page.items] == ["a-1"]
    assert page.total == 2


def test_a_query_that_cannot_be_read_says_why(desk: Desk) -> None:
    error = desk.outcome(lambda then: desk.reviewing.search("colour:red", 0, 10, 0.0, then))
    assert (error.code, "no field" in error.message) == ("bad_request", True)


def test_what_is_given_up_is_not_told(desk: Desk) -> None:
    told: list[Any] = []
    desk.reviewing.search("", 0, 10, 0.0, told.append)()
    desk.outcome(lambda then: desk.reviewing.search("", 0, 10, 0.0, then))
    desk.reactor.turn(lambda: desk.reviewing._waiting == 0)
    assert told == []


def test_too_much_at_once_is_refused(desk: Desk) -> None:
    told: list[Any] = []
    for _ in range(MAX_WAITING + 1):
        desk.reviewing.audit(told.append)
    assert [outcome.code for outcome in told] == ["unavailable"]
    desk.reactor.turn(lambda: len(told) == MAX_WAITING + 1)


def test_where_the_record_cannot_tell_no_verdict_is_claimed(desk: Desk) -> None:
    found = a_finding(scanner="dlp", rule="House Secret", place="url:query:k")
    action = a_summary(id="a-1", url="http://example.com/[redacted]", path="/v1/items")
    desk.decide(a_record(action=action, decision=a_decision(verdict=Verdict.BLOCK, layer="dlp", findings=(found,))))
    fix = desk.outcome(lambda then: desk.reviewing.propose("a-1", 0, 30, then))
    assert (fix.possible, fix.verdict) == (True, None)
    assert "can't be told: whether the URL looks random was not looked at" in fix.words


def test_a_fix_is_proposed_tried_applied_and_taken_out_again(desk: Desk) -> None:
    desk.decide(*(refused(number) for number in range(3)), refused(7, "/other"), refused(8, "/", host="h.test"))
    fix = desk.outcome(lambda then: desk.reviewing.propose("a-1", 0, 30, then))
    assert (fix.possible, fix.verdict, fix.others, fix.unblocked) == (True, Verdict.ALLOW, 4, 2)
    assert len(fix.examples) == 2
    assert 'path: "http://example.com/v1/items"' in fix.entry

    said = desk.outcome(lambda then: desk.reviewing.apply(fix.id, "dashboard 7", then))
    assert said.endswith("JWT Token at http://example.com/v1/items added; in force")
    assert desk.reloads == 1
    file = desk.home / "suppressions.yaml"
    assert file.stat().st_mode & 0o777 == 0o600
    entry = desk.loaded.config.suppress[0]
    assert (entry.rule, entry.field, entry.reason) == ("JWT Token", "body", "made from a-1, by dashboard 7")
    again = desk.outcome(lambda then: desk.reviewing.apply(fix.id, "", then))
    assert again.code == "not_found"

    suppressed = msgspec.structs.replace(
        refused(9), decision=a_decision(verdict=Verdict.ALLOW, rule="", suppressed=(JWT,))
    )
    desk.decide(suppressed)
    row = next(row for row in desk.reviewing.rules() if row.kind is RuleKind.SUPPRESSION)
    assert (row.hits, row.source, row.id) == (1, "suppressions.yaml", entry_id(entry))
    # Our own writing is no change that somebody else made.
    desk.reactor.advance(5)
    assert desk.reloads == 1

    said = desk.outcome(lambda then: desk.reviewing.remove(row.id, "", then))
    assert said.endswith("removed; in force")
    assert desk.loaded.config.suppress == ()
    assert desk.outcome(lambda then: desk.reviewing.remove(row.id, "", then)).code == "not_found"
    assert [line.event for line in desk.lines] == ["suppression_added", "suppression_removed"]
    line = session_line(desk.lines[0], 0.0)
    for part in (b'"rule":"JWT Token"', b'"host":"example.com"', b'"field":"body"', b'"answered_by":"dashboard 7"'):
        assert part in line


def test_what_could_not_be_written_can_be_tried_again(desk: Desk) -> None:
    desk.decide(refused(1))
    fix = desk.outcome(lambda then: desk.reviewing.propose("a-1", 0, 30, then))
    path = SuppressionsFile(desk.home).path
    path.mkdir()
    assert desk.outcome(lambda then: desk.reviewing.apply(fix.id, "", then)).code == "failed"
    assert (desk.lines, desk.reloads) == ([], 0)
    path.rmdir()
    assert "added" in desk.outcome(lambda then: desk.reviewing.apply(fix.id, "", then))


def test_without_a_line_in_the_audit_log_somebody_is_told(desk: Desk) -> None:
    class Full(list[SessionEntry]):
        def append(self, _entry: SessionEntry) -> None:
            raise OSError("disk full")

    desk.lines = Full()
    desk.decide(refused(1))
    fix = desk.outcome(lambda then: desk.reviewing.propose("a-1", 0, 30, then))
    assert "added" in desk.outcome(lambda then: desk.reviewing.apply(fix.id, "", then))
    _, events = desk.bus.since(0, 10)
    assert any(isinstance(event.payload, Notice) and "disk full" in event.payload.text for event in events)


def test_a_refusal_that_nothing_may_lift_says_so(desk: Desk) -> None:
    decision = a_decision(
        verdict=Verdict.BLOCK, layer="core_ssrf", findings=(a_finding(scanner="core_ssrf", hard=True),)
    )
    desk.decide(a_record(decision=decision))
    fix = desk.outcome(lambda then: desk.reviewing.propose("t-1", 0, 30, then))
    assert not fix.possible
    assert desk.outcome(lambda then: desk.reviewing.apply(fix.id, "", then)).code == "not_found"


@pytest.mark.parametrize(("action", "finding", "code"), [("none", 0, "not_found"), ("a-1", 3, "bad_request")])
def test_what_is_not_there_cannot_be_fixed(desk: Desk, action: str, finding: int, code: str) -> None:
    desk.decide(refused(1))
    assert desk.outcome(lambda then: desk.reviewing.propose(action, finding, 30, then)).code == code


def test_an_entry_of_the_configuration_is_not_ours_to_remove(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "suppress: [{rule: X, path: '*'}]")
    desk.reviewing.start()
    name = entry_id(desk.loaded.config.suppress[0])
    assert desk.outcome(lambda then: desk.reviewing.remove(name, "", then)).code == "forbidden"
    desk.reviewing.stop()


def test_somebody_elses_change_of_the_file_is_read(desk: Desk) -> None:
    file = SuppressionsFile(desk.home)
    file.path.write_bytes(format_file((Suppression(rule="X", path="*"),)))
    file.path.chmod(0o600)
    for _ in range(4):
        desk.reactor.advance(0.5)
    assert desk.reloads == 1
    assert desk.loaded.config.suppress[0].rule == "X"
    file.path.unlink()
    for _ in range(4):
        desk.reactor.advance(0.5)
    assert desk.loaded.config.suppress == ()


def test_changes_at_once_lose_nothing(tmp_path: Path) -> None:
    file = SuppressionsFile(tmp_path)
    entries = [Suppression(rule=f"R{number}", path="*") for number in range(12)]
    threads = [threading.Thread(target=file.add, args=(entry,)) for entry in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry.rule for entry in file.read()} == {entry.rule for entry in entries}


def test_rules_that_met_something_come_first(desk: Desk) -> None:
    desk.decide(refused(1), a_record(at=time.time(), decision=a_decision(rule="asks")))
    rows = desk.reviewing.rules()
    assert [(row.kind, row.name, row.hits) for row in rows[:2]] == [
        (RuleKind.EGRESS, "asks", 1),
        (RuleKind.DETECTION, "JWT Token", 1),
    ]
    assert len(rows) > 200


def test_without_a_history_recent_refusals_can_still_be_fixed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, TEXT + "history: {enabled: false}\n")
    desk.reviewing.start()
    desk.decide(refused(1), refused(2))
    assert desk.outcome(lambda then: desk.reviewing.search("", 0, 10, 0.0, then)).code == "unavailable"
    fix = desk.outcome(lambda then: desk.reviewing.propose("a-1", 0, 30, then))
    assert (fix.possible, fix.others) == (True, 1)
    assert not (tmp_path / "history").exists()
    # Switched on, it is kept from then on.
    desk.text = TEXT
    desk.reload()
    desk.decide(refused(3))
    assert desk.outcome(lambda then: desk.reviewing.search("", 0, 10, 0.0, then)).total == 1
    desk.reviewing.stop()


def test_a_home_that_takes_no_history_is_told(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("in the way")
    desk = Desk(tmp_path)
    desk.reviewing.start()
    assert desk.reviewing.history is None
    _, events = desk.bus.since(0, 10)
    assert any(isinstance(event.payload, Notice) and "no history" in event.payload.text for event in events)
    desk.reviewing.stop()


def test_the_file_beside_what_is_in_force(desk: Desk) -> None:
    desk.text = "mode: audit\negress_rules: []\nscan_api: {auth: {bearer_tokens: [hidden-hidden-hidden-hidden]}}\n"
    review = desk.outcome(desk.reviewing.config)
    changes = {change.key: change for change in review.changes}
    assert (changes["mode"].old, changes["mode"].new, changes["mode"].weaker) == (
        "balanced",
        "audit",
        "balanced became audit",
    )
    assert changes["egress_rules"].old == "1: asks"
    assert "hidden" not in str(review)
    assert review.on_disk != review.running
    desk.text = "mode: [\n"
    assert "not valid YAML" in desk.outcome(desk.reviewing.config).error


def test_the_doctor_looks_at_what_is_there(desk: Desk) -> None:
    (desk.home / "audit.jsonl").write_text("{}\n")
    (desk.home / "audit.jsonl").chmod(0o600)
    desk.home.chmod(0o700)
    checks = {check.name: check for check in desk.outcome(desk.reviewing.doctor)}
    assert checks["audit log"].state is CheckState.OK
    assert checks["home"].state is CheckState.OK
    assert checks["history"].state is CheckState.OK
    assert checks["approvals"].state is CheckState.WARN  # a rule asks, and nobody is there


def test_the_audit_log_is_looked_through(desk: Desk) -> None:
    lines = ['{"time": "2026-01-01T00:00:00Z", "verdict": "block"}', "torn", '{"time": "2025-01-01T00:00:00Z"}']
    (desk.home / "audit.jsonl").write_text("\n".join(lines) + "\n")
    state = desk.outcome(desk.reviewing.audit)
    assert (state.lines, state.broken, state.backwards, state.blocked) == (3, 1, 1, 1)


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = SuppressionsFile(tmp_path).path
    path.write_bytes(format_file(()))
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="others may write it"):
        with_suppressions(loads("", "x"), tmp_path)
    path.unlink()
    path.symlink_to(tmp_path / "other")
    with pytest.raises(ConfigError, match="cannot be read"):
        SuppressionsFile(tmp_path).read()
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError):
        SuppressionsFile(tmp_path).read()


def test_what_can_not_be_written_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = SuppressionsFile(tmp_path)
    entry = Suppression(rule="X", path="*")
    assert file.add(entry)
    assert not file.add(entry)
    before = file.path.read_bytes()
    with pytest.raises(ConfigError):
        file.add(Suppression(rule="AWS Access ID", path="*"))
    assert file.path.read_bytes() == before
    assert [name.name for name in tmp_path.iterdir()] == ["suppressions.yaml"]
    assert overlaid(loads("", "x"), file.read()).config.suppress == (entry,)
    assert file.remove("none") is None
    assert file.remove(entry_id(entry)) == entry


def test_an_error_that_nobody_expected_is_told_without_its_text(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_path: Path) -> None:
        raise RuntimeError("sensitive")

    monkeypatch.setattr("pipelock.daemon.reviewing.read_audit", fails)
    error = desk.outcome(desk.reviewing.audit)
    assert isinstance(error, BackendError)
    assert "sensitive" not in error.message
