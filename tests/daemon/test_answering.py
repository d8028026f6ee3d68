from __future__ import annotations

from pathlib import Path

import pytest

from pipelock.control.backend import BackendError
from pipelock.daemon.answering import Answering
from pipelock.daemon.grants_file import GrantsFile
from pipelock.daemon.watch import DEBOUNCE_SECONDS, LOOK_SECONDS
from pipelock.evidence.session_line import SessionEntry
from pipelock.model import Answer, AnswerWord, GrantsChanged, Lifetime, Notice, Outcome, Scope
from tests.door.house import House, settled

FOREVER = Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.FOREVER, by="ann")
BY_HAND = "approvals:\n- {id: mine, action: deny, scope: host, host: example.org, port: 80, rule: posts}\n"


class Office:
    """A door with somebody who keeps its answers."""

    def __init__(self, home: Path) -> None:
        self.path = home / "approvals.yaml"
        self.house = House()
        self.lines: list[SessionEntry] = []
        self.disk_is_full = False
        self.answering = Answering(self.house.door, GrantsFile(self.path), self.house.clock, self._write)

    def _write(self, entry: SessionEntry, _at: float) -> None:
        if self.disk_is_full:
            raise OSError("disk full")
        self.lines.append(entry)

    def started(self) -> Office:
        self.answering.start()
        return self

    def by_hand(self, text: str) -> None:
        self.path.write_text(text)
        self.path.chmod(0o600)

    def notices(self) -> list[str]:
        return [notice.text for notice in self.house.events(Notice)]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path).started()


def test_what_holds_for_good_holds_in_the_next_daemon(office: Office, tmp_path: Path) -> None:
    office.house.post()
    count, grant = office.answering.answer(office.house.pending(), FOREVER, "")
    assert count == 1
    assert grant is not None
    assert grant.words.endswith("for good (written to approvals.yaml)")
    later = Office(tmp_path).started()
    (known,) = later.answering.grants()
    assert (known.id, known.words, known.by) == (grant.id, grant.words, "ann")
    assert settled(later.house.post(body=b"new")[1]).outcome is Outcome.GRANTED
    assert later.notices() == ["1 answers of approvals.yaml are in force"]


def test_one_taken_back_is_taken_out_of_the_file(office: Office, tmp_path: Path) -> None:
    office.house.post()
    _, grant = office.answering.answer(office.house.pending(), FOREVER, "")
    assert grant is not None
    said = office.answering.revoke(grant.id, "ann")
    assert said == f"no longer in force: {grant.words}"
    assert office.house.events(GrantsChanged)[-1] == GrantsChanged(said, "ann")
    assert [(line.event, line.message) for line in office.lines] == [
        ("approval_given", grant.words), ("approval_revoked", said),
    ]  # fmt: skip
    assert office.lines[0].more == {
        "answered_by": "ann", "grant": grant.id, "scope": "host", "lifetime": "forever", "note": "",
    }  # fmt: skip
    assert office.house.post()[1] == []
    assert not Office(tmp_path).started().answering.grants()
    with pytest.raises(BackendError) as caught:
        office.answering.revoke(grant.id, "ann")
    assert caught.value.code == "not_found"


def test_undo_of_one_that_is_only_remembered(office: Office) -> None:
    office.house.post()
    _, grant = office.answering.answer(office.house.pending(), Answer(AnswerWord.ALLOW, Scope.URL, Lifetime.M5), "")
    assert grant is not None
    office.answering.revoke(grant.id, "ann")
    assert office.answering.grants() == ()
    assert not office.path.exists()


def test_what_somebody_else_writes_is_told_once_and_reviewed_before_it_holds(office: Office) -> None:
    office.by_hand(BY_HAND)
    office.house.clock.pump([LOOK_SECONDS, DEBOUNCE_SECONDS, LOOK_SECONDS, DEBOUNCE_SECONDS])
    assert office.notices() == [
        "approvals.yaml was changed by somebody else; that is not in force until `pipelock approvals review`"
    ]
    assert office.house.post(url="http://example.org/", host="example.org")[1] == []
    assert any("id: mine" in line for line in office.answering.unreviewed())
    office.house.post(url="http://example.com/")
    with pytest.raises(BackendError) as caught:
        office.answering.answer(office.house.approvals.waiting()[-1].id, FOREVER, "")
    assert (caught.value.code, "changed by somebody else" in caught.value.message) == ("bad_request", True)
    assert len(office.house.approvals) == 2
    assert office.answering.review("ann") == "approvals.yaml was reviewed; answers of it in force: 1"
    assert office.answering.unreviewed() == ()
    assert office.lines[-1].event == "approvals_reviewed"
    decision = settled(office.house.post(url="http://example.org/", host="example.org")[1])
    assert decision.outcome is Outcome.DENIED_BEFORE
    assert office.answering.review("ann").startswith("nothing had changed")


def test_a_broken_file_keeps_what_is_in_force_and_the_daemon_runs(office: Office, tmp_path: Path) -> None:
    office.house.post()
    _, grant = office.answering.answer(office.house.pending(), FOREVER, "")
    assert grant is not None
    office.by_hand("approvals: [\n")
    for do in (lambda: office.answering.review("ann"), lambda: office.answering.revoke(grant.id, "ann")):
        with pytest.raises(BackendError) as caught:
            do()
        assert caught.value.code == "failed"
    assert settled(office.house.post()[1]).outcome is Outcome.GRANTED
    later = Office(tmp_path).started()
    assert later.notices()[0].startswith("no answer that was to hold for good is in force: ")
    assert later.house.post()[1] == []


def test_errors_have_their_codes(office: Office) -> None:
    office.house.post(body=b"\xff")
    waiting = office.house.pending()
    for do, code in (
        (lambda: office.answering.answer("99", FOREVER, ""), "stale"),
        (lambda: office.answering.answer(waiting, FOREVER, "00"), "stale"),
        (lambda: office.answering.answer(waiting, Answer(AnswerWord.REDACT), ""), "bad_request"),
        (lambda: office.answering.look_at("99"), "not_found"),
        (lambda: office.answering.held_body("99", ""), "stale"),
        (lambda: office.answering.held_body(waiting, ""), "bad_request"),
    ):
        with pytest.raises(BackendError) as caught:
            do()
        assert caught.value.code == code
    office.answering.look_at(waiting)
    assert office.answering.pending()[0].paused


def test_a_text_is_given_to_be_changed(office: Office) -> None:
    office.house.post(body=b"text", content_type="text/plain")
    assert office.answering.held_body(office.house.pending(), "") == (b"text", "text/plain")


def test_stopping_leaves_no_clock_behind(office: Office) -> None:
    office.answering.stop()
    assert office.house.clock.getDelayedCalls() == []


def test_what_was_answered_for_a_session_ends_with_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.house.post()
    office.answering.answer(office.house.pending(), Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.SESSION), "")
    office.answering.sweep()
    assert len(office.answering.grants()) == 1
    monkeypatch.setattr(office.house.engine.sessions, "one", lambda _key: None)
    office.answering.sweep()
    assert office.answering.grants() == ()
    assert office.house.events(GrantsChanged)[-1].detail == "1 answers ended with their sessions"


def test_a_log_that_cannot_be_written_is_told(office: Office) -> None:
    office.disk_is_full = True
    office.house.post()
    office.answering.answer(office.house.pending(), Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.H1), "")
    assert office.notices() == ["the audit log cannot be written: disk full"]
