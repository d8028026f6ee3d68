"""The content scan: headers and body of one action, against one policy. Pure, so a thread may do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelock.engine.facts import Content
from pipelock.model import Action, Finding, Kind

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = ["inspect_content"]


def inspect_content(action: Action, policy: Policy) -> Content:
    """What the scanners find in the parts of `action` that are not its URL.

    Raises:
        MatcherError: the matcher failed; the caller must block.
    """
    match action.kind:
        case Kind.REQUEST | Kind.CONNECT:
            findings = _outbound(action, policy)
        case Kind.RESPONSE:
            findings = _inbound(action, policy)
        case _:
            findings = ()
    return Content(tuple(f for f in findings if not policy.is_suppressed(f, action.url)))


def _outbound(action: Action, policy: Policy) -> tuple[Finding, ...]:
    found: tuple[Finding, ...] = ()
    if policy.scan_headers:
        chosen = [(f"header:{name}", value) for name, value in action.headers if policy.scans_header(name)]
        if len(chosen) > 1:
            # A secret cut into several headers is whole again only when they are joined.
            chosen.append(("headers", "".join(value for _, value in chosen)))
        if chosen:
            found = policy.secrets.scan_values(chosen, host=action.host)
    if policy.scan_bodies and action.body:
        found += policy.secrets.scan(action.body, "body", host=action.host, content_type=action.content_type)
    return found


def _inbound(action: Action, policy: Policy) -> tuple[Finding, ...]:
    if not action.body:
        return ()
    if action.host in policy.response_exempt:
        return ()
    found = policy.injection.scan(action.body, "body", action.content_type)
    return found if policy.scan_responses else tuple(f for f in found if f.scanner == "core_response")
