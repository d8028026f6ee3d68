"""A refusal, its suppression, and the past judged again: with a real daemon, curl and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipelock.control import frames
from pipelock.model import Verdict
from tests.e2e.conftest import BASE_CONFIG, DaemonProcess, Origin, curl, wait_for

pytestmark = pytest.mark.e2e

HEAD, CLAIMS = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0"
SIGNATURE = "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
TOKEN = f"{HEAD}.{CLAIMS}.{SIGNATURE}"
CONFIG = BASE_CONFIG.replace(
    "max_requests_per_minute: 0", 'max_requests_per_minute: 0, query_entropy_exclusions: ["127.0.0.1"]'
)


def status(daemon: DaemonProcess, url: str, *words: str) -> str:
    return curl(daemon, url, *words).stdout.rpartition("\n")[2]


def report(daemon: DaemonProcess, *words: str) -> tuple[int, Any]:
    done = daemon.cli(*words, "--json")
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def test_a_false_alarm_is_lifted_where_it_was_and_nowhere_else(
    make_daemon: Callable[..., DaemonProcess], origin: Origin
) -> None:
    daemon = make_daemon(CONFIG)
    url = f"{origin.url}/v1/items?token={TOKEN}"
    assert status(daemon, url) == "403"
    assert status(daemon, f"{origin.url}/other?token={TOKEN}") == "403"
    assert status(daemon, f"{origin.url}/plain") == "200"

    with daemon.client() as client:
        page = client.ask(
            lambda number: frames.SearchHistory(number, "verdict:block path:redacted"), frames.HistoryReply
        )
        first = page.page.items[-1].record
        fix = client.ask(lambda number: frames.ProposeFix(number, first.action.id), frames.FixReply, 15).fix
        assert (fix.possible, fix.verdict, fix.others, fix.unblocked) == (True, Verdict.ALLOW, 1, 0)
        client.ask(lambda number: frames.ApplyFix(number, fix.id), frames.Ok, 15)
    wait_for(lambda: status(daemon, url) == "200", what="the suppression")
    assert status(daemon, f"{origin.url}/other?token={TOKEN}") == "403"

    # Neither the request that passed nor its answer left the token anywhere.
    code, rules = report(daemon, "suppress", "list")
    assert (code, rules[0]["hits"] > 0) == (0, True)
    code, checks = report(daemon, "doctor")
    found = {check["name"]: check["state"] for check in checks}
    assert {found[name] for name in ("configuration", "audit log", "control socket", "history", "clock")} == {"ok"}
    daemon.stop()
    lines = (daemon.home / "audit" / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line)["rule"] for line in lines if '"suppression_added"' in line] == ["JWT Token"]
    kept = [file for file in daemon.home.rglob("*") if file.is_file() and "cache" not in file.parts]
    assert any(file.name == "history.db" for file in kept)
    assert not [file for file in kept if SIGNATURE.encode() in file.read_bytes()]

    # Without a daemon: what a configuration without the entry would have changed, and what a stricter one would.
    new = daemon.home / "new.yaml"
    new.write_text(f"{CONFIG}egress_rules: [{{name: nothing plain, action: block, path: /plain}}]\n")
    code, changes = report(daemon, "policy", "diff", "--fail-on", "stricter", str(new))
    groups = {(group["then"], group["now"], group["rule"]): group["count"] for group in changes["groups"]}
    assert code == 1
    assert groups[("allow", "block", "nothing plain")] == 1
    assert groups[("block", "allow", "JWT Token")] >= 1
