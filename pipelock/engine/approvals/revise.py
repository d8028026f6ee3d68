"""Sending something else than what was held: without what was found, or what the person wrote instead.

Only whole bodies of requests and answers can be changed: of a stream, or of a part of one, more may be on its way that
goes with it.
"""

from __future__ import annotations

from pipelock.detect.removal import can_strip, strip
from pipelock.model import MAX_EDIT, Action, Decision, Finding, Kind

__all__ = ["is_editable", "is_redactable", "is_same_question", "redacted_body", "text_of"]

_WHOLE = frozenset({Kind.REQUEST, Kind.RESPONSE})


def text_of(action: Action, decision: Decision) -> bytes | None:
    """The body as it would go on, if it is a text that can be changed: whole, UTF-8, not empty, at most `MAX_EDIT`."""
    body = _body(action, decision)
    if not _is_whole(action) or not 0 < len(body) <= MAX_EDIT or b"\0" in body:
        return None
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return body


def is_editable(action: Action, decision: Decision) -> bool:
    """Whether a person may send another text instead."""
    return text_of(action, decision) is not None


def is_redactable(action: Action, decision: Decision) -> bool:
    """Whether a person may send it without what was found. Costs the same however long the body is."""
    located = _located(action, decision)
    return bool(located) and can_strip(_body(action, decision), located)


def redacted_body(action: Action, decision: Decision) -> bytes | None:
    """The body without what was found in it; `None` where something was found elsewhere, or can't be taken out.

    What several readings of the body found is taken out where one of them says where it stands: a form field is found
    as it is, and again in the letters of all fields together. What is left is judged again before it goes on.
    """
    if not is_redactable(action, decision):
        return None
    body = _body(action, decision)
    stripped = strip(body, _located(action, decision))
    return None if stripped == body else stripped


def _located(action: Action, decision: Decision) -> list[Finding]:
    """What was found, with its places; nothing where any of it has none in the body."""
    if not _is_whole(action) or not all(finding.place.startswith("body") for finding in decision.findings):
        return []
    located = [finding for finding in decision.findings if finding.span is not None]
    everything = {finding.rule for finding in decision.findings} == {finding.rule for finding in located}
    return located if everything else []


def _body(action: Action, decision: Decision) -> bytes:
    return action.body if decision.body is None else decision.body


def is_same_question(before: Decision, after: Decision) -> bool:
    """Whether `after` asks what the person has answered about `before`, and has found nothing to ask about besides."""
    return not after.findings and (after.layer, after.rule) == (before.layer, before.rule)


def _is_whole(action: Action) -> bool:
    return action.kind in _WHOLE and not action.partial and not action.seen
