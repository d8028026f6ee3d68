"""Sending something else than what was held: without what was found, or what the person wrote instead.

Only whole bodies of requests and answers can be changed: of a stream, or of a part of one, more may be on its way that
goes with it.
"""

from __future__ import annotations

from pipelock.detect.removal import strip
from pipelock.model import MAX_EDIT, Action, Decision, Kind

__all__ = ["is_editable", "is_same_question", "redacted_body", "text_of"]

_WHOLE = frozenset({Kind.REQUEST, Kind.RESPONSE})


def text_of(action: Action, decision: Decision) -> bytes | None:
    """The body as it would go on, if it is a text that can be changed: whole, UTF-8, not empty, at most `MAX_EDIT`."""
    body = action.body if decision.body is None else decision.body
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


def redacted_body(action: Action, decision: Decision) -> bytes | None:
    """The body without what was found in it; `None` where something was found elsewhere, or can't be taken out.

    What several readings of the body found is taken out where one of them says where it stands: a form field is found
    as it is, and again in the letters of all fields together. What is left is judged again before it goes on.
    """
    if not _is_whole(action) or not all(finding.place.startswith("body") for finding in decision.findings):
        return None
    located = [finding for finding in decision.findings if finding.span is not None]
    if {finding.rule for finding in decision.findings} != {finding.rule for finding in located}:
        return None
    body = action.body if decision.body is None else decision.body
    stripped = strip(body, located)
    return None if stripped == body else stripped


def is_same_question(before: Decision, after: Decision) -> bool:
    """Whether `after` asks what the person has answered about `before`, and has found nothing to ask about besides."""
    return not after.findings and (after.layer, after.rule) == (before.layer, before.rule)


def _is_whole(action: Action) -> bool:
    return action.kind in _WHOLE and not action.partial and not action.seen
