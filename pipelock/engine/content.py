"""The content scan: headers and body of one action, against one policy. Pure, so a thread may do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelock.detect.addresses import HostError, fold_host
from pipelock.engine.facts import Content
from pipelock.model import Action, Finding, Kind

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = ["folded", "inspect_content"]


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
    return Content(tuple(f for f in findings if not policy.is_suppressed(f, action.url)), policy.hash)


def folded(host: str) -> str:
    """`host` in the one spelling that host lists know; text that is no host is in no list."""
    try:
        return fold_host(host).name
    except HostError:
        return ""


def _outbound(action: Action, policy: Policy) -> tuple[Finding, ...]:
    found: tuple[Finding, ...] = ()
    host = folded(action.host)
    if policy.scan_headers:
        chosen = [(f"header:{name}", value) for name, value in action.headers if policy.scans_header(name)]
        if len(chosen) > 1:
            # A secret cut into several headers is whole again only when they are joined.
            chosen.append(("headers", "".join(value for _, value in chosen)))
        if chosen:
            # A name carries data as well as a value does.
            chosen.append(("headers", "\n".join(place.removeprefix("header:") for place, _ in chosen)))
            found = policy.secrets.scan_values(chosen, host=host)
    if policy.scan_bodies and action.body:
        found += policy.secrets.scan(action.body, "body", host=host, content_type=action.content_type)
    return found


def _inbound(action: Action, policy: Policy) -> tuple[Finding, ...]:
    if not action.body:
        return ()
    if folded(action.host) in policy.response_exempt:
        return ()
    found = policy.injection.scan(action.body, "body", action.content_type)
    return found if policy.scan_responses else tuple(f for f in found if f.scanner == "core_response")
