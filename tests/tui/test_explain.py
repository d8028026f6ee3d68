from __future__ import annotations

import msgspec

from pipelock.model import Verdict
from pipelock_tui import testing
from pipelock_tui.explain import action_lines, finding_lines, receipt_lines, taint_lines, verdict_lines
from pipelock_tui.text import Line, plain


def text(lines: list[Line]) -> str:
    return "\n".join(plain(line) for line in lines)


def test_the_match_is_marked() -> None:
    lines = finding_lines((testing.FINDING,))
    assert [part.text for each in lines for part in each if part.role == "match"] == ["[masked]"]


def test_a_header_that_sounds_like_a_credential_is_masked_here_too() -> None:
    shown = text(action_lines(testing.summary(headers=(("x-my-token", "made-up-value"), ("accept", "text/html")))))
    assert "made-up-value" not in shown
    assert "x-my-token: [13 characters]" in shown
    assert "accept: text/html" in shown


def test_who_it_was_is_named_with_its_program() -> None:
    action = msgspec.structs.replace(testing.summary(), program="curl", pid=4730)
    assert "claude  from 127.0.0.1, program curl 4730" in text(action_lines(action))


def test_what_git_says_that_it_wants_is_shown_as_its_own_words() -> None:
    action = msgspec.structs.replace(testing.summary(), remote="git push git@github.com:o/r.git")
    assert "git push git@github.com:o/r.git  (the client's own words)" in text(action_lines(action))
    assert "own words" not in text(action_lines(testing.summary()))


def test_a_verdict_says_what_made_it_stricter_and_which_answer_decided() -> None:
    record = testing.blocked()
    changed = msgspec.structs.replace(record.decision, upgraded=Verdict.WARN, grant="g3", enforced=False)
    shown = text(verdict_lines(msgspec.structs.replace(record, decision=changed)))
    assert "The session's level made it so; it was warn." in shown
    assert "An earlier answer decided: g3." in shown
    assert "the mode in force only warns" in shown


def test_taint_says_what_was_read_what_was_weighed_and_on_whose_word() -> None:
    shown = text(taint_lines(testing.weighed(override="GET https://docs.example.com/*", verdict=Verdict.ALLOW)))
    for words in (
        "TAINT  external_untrusted",
        "read      The session has read content from outside that nobody vouches for.",
        "source    https://forum.example.com/thread/7  (response)",
        "weighed   publish, elevated path",
        "authority user_broad: somebody set the agent to work and said nothing of this",
        "override  GET https://docs.example.com/*",
        "demands   ✓ allow",
    ):
        assert words in shown
    assert taint_lines(None) == []


def test_an_authority_without_words_is_shown_as_it_came_and_escaped() -> None:
    shown = text(taint_lines(testing.weighed(authority="new\x1b[2J", source="")))
    assert "authority new\\x1b[2J\n" in shown
    assert "source" not in shown


def test_every_label_stands_apart_from_its_text() -> None:
    record = testing.blocked()
    for drawn in (*verdict_lines(record), *receipt_lines(record), *action_lines(record.action)):
        if drawn and drawn[0].role == "dim" and len(drawn) > 1:
            assert drawn[0].text.endswith(" ")


def test_many_findings_are_counted() -> None:
    assert "and 10 more" in text(finding_lines((testing.FINDING,) * 60))
    assert finding_lines(()) == []
