from __future__ import annotations

import json
from collections.abc import Callable

from pipelock.cli.pending import report
from pipelock.model import Finding, Process, Severity, TaintLevel, TaintWeighed, Verdict

from .conftest import FakeDaemon, pending, summary

Run = Callable[..., tuple[int, str, str]]

GOLDEN = """\
7  POST http://api.example/submit
    from helper, 2.0 KiB of body, denied in 45 s
    why: rule uploads asks
    asked by: curl (pid 9) < claude (pid 7)
    2 identical requests wait; one answer is for all
    found: GitHub Token in body: ghp_…
    scopes: payload, host, domain (2 more)
    may be changed first: --redact, --body FILE
    body: {"token": …}"""


def finding(**changes: str) -> Finding:
    return Finding(
        scanner="body_dlp",
        rule="GitHub Token",
        severity=Severity.CRITICAL,
        message="a token",
        place="body",
        excerpt=changes.get("excerpt", "ghp_…"),
    )


def test_the_report() -> None:
    item = pending(
        twins=2,
        findings=(finding(),),
        action=summary(preview='{"token": …}'),
        processes=(Process(9, 1, "curl"), Process(7, 1, "claude")),
        editable=True,
        redactable=True,
    )
    assert report([item], item.held_at + 15) == GOLDEN


def test_a_countdown_that_stands_still_or_is_none() -> None:
    item = pending(paused=True)
    assert "denied in 45 s (paused: somebody is looking at it)" in report([item], item.held_at + 15)
    assert "waits as long as the client does" in report([pending(expires_at=0.0)], 0.0)


def test_what_taint_weighed_is_told() -> None:
    weighed = TaintWeighed(
        level=TaintLevel.UNTRUSTED,
        action_class="publish",
        sensitivity="normal",
        authority="user_broad",
        verdict=Verdict.ASK,
        source="https://page.example/\x1b",
    )
    shown = report([pending(taint=weighed)], 0.0)
    said = "taint: external_untrusted (https://page.example/\\x1b); publish, normal path, authority user_broad"
    assert said in shown


def test_what_git_says_that_it_wants_is_shown_as_its_own_words() -> None:
    assert "    says: git push git@github.com:o/r.git\n" in report(
        [pending(action=summary(remote="git push git@github.com:o/r.git", preview="x"))], 0
    )


def test_nothing_waits() -> None:
    assert report([], 0) == "Nothing waits for you."


def test_what_the_network_says_draws_nothing() -> None:
    item = pending(
        action=summary(url="http://x/\x1b[2J", agent="\u202eevil", preview="a\nb\x07"),
        reason="why\r\n",
        findings=(finding(excerpt="\x9b2J"),) * 12,
        processes=(Process(9, 1, "\x1b[31m"),),
    )
    shown = report([item], item.held_at)
    assert not {"\x1b", "\u202e", "\x07", "\r", "\x9b"} & set(shown)
    assert "and 2 more findings" in shown


def test_json_holds_the_binding_for_scripts(daemon: FakeDaemon, run: Run) -> None:
    code, out, _ = run("pending", "--json")
    assert code == 0
    (item,) = json.loads(out)
    assert (item["id"], item["binding"], item["action"]["url"]) == ("7", "bound", "http://api.example/submit")


def test_text(daemon: FakeDaemon, run: Run) -> None:
    daemon.items = (pending(), pending(id="8"))
    code, out, _ = run("pending")
    assert code == 0
    assert out.count("POST http://api.example/submit") == 2
