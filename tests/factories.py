"""Actions, findings and policies as tests need them."""

from __future__ import annotations

from typing import Any

import msgspec

from pipelock.model import Action, Decision, Finding, Kind, Severity, Transport, Verdict


def an_action(**changes: Any) -> Action:
    base = Action(
        id="t-1",
        kind=Kind.REQUEST,
        transport=Transport.FORWARD,
        session="10.1.1.1",
        agent="anonymous",
        client="10.1.1.1",
        method="GET",
        url="http://example.com/path",
        host="example.com",
        port=80,
    )
    return msgspec.structs.replace(base, **changes)


def a_response(**changes: Any) -> Action:
    return an_action(**{"kind": Kind.RESPONSE, "status": 200, "content_type": "text/plain", **changes})


def a_finding(**changes: Any) -> Finding:
    base = Finding(scanner="dlp", rule="AWS Access ID", severity=Severity.CRITICAL, message="a credential", place="url")
    return msgspec.structs.replace(base, **changes)


def a_decision(**changes: Any) -> Decision:
    return msgspec.structs.replace(
        Decision(action_id="t-1", verdict=Verdict.ASK, reason="the rule asks", policy="p1", rule="asks"), **changes
    )
