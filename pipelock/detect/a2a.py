"""A2A, the protocol by which agents talk to agents: which messages belong to it, and the documents in their bodies.

Source: the A2A protocol's public specification, versions 0.2 to 1.0 (JSON-RPC method names, REST paths, agent cards).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeAlias

__all__ = ["Json", "Sort", "documents", "is_message", "recognise"]

Json: TypeAlias = "bool | str | list[Json] | dict[str, Json] | None"
"""A document as it is read here: numbers are their text, and a key that is there twice has the list of its values."""

MAX_DOCUMENTS = 1_000
"""Events of a stream, or messages of a batch, that one body may have."""

_MEDIA_TYPE = "application/a2a+json"
_METHODS = frozenset(
    """message/send message/stream tasks/get tasks/list tasks/cancel tasks/resubscribe tasks/subscribe
    tasks/pushNotificationConfig/set tasks/pushNotificationConfig/get tasks/pushNotificationConfig/list
    tasks/pushNotificationConfig/delete agent/getAuthenticatedExtendedCard agent/authenticatedExtendedCard
    SendMessage SendStreamingMessage GetTask ListTasks CancelTask SubscribeToTask TaskSubscription
    CreateTaskPushNotificationConfig SetTaskPushNotificationConfig GetTaskPushNotificationConfig
    ListTaskPushNotificationConfigs DeleteTaskPushNotificationConfig GetExtendedAgentCard GetAgentCard""".split()  # noqa: SIM905 - a list of words
)
_CARDS = ("/.well-known/agent-card.json", "/.well-known/agent.json", "/agent/authenticatedextendedcard",
          "/extendedagentcard", "/v1/card")  # fmt: skip
_ACTIONS = ("/message:send", "/message:stream")
_TASK_ACTIONS = (":cancel", ":subscribe")
_KINDS = frozenset({"message", "task", "status-update", "artifact-update"})
_ENVELOPES = frozenset({"message", "task", "statusUpdate", "artifactUpdate"})
_HEADERS = frozenset({"a2a-version", "a2a-extensions", "x-a2a-extensions"})
_BLANK = b" \t\r\n\xef\xbb\xbf"


class Sort(StrEnum):
    """What a message is to the protocol."""

    NONE = "none"
    MESSAGE = "message"
    CARD = "card"


def recognise(path: str, content_type: str, headers: Iterable[str], body: bytes) -> Sort:
    """What a message is, by its path, media type, header names (lower-case) and body; cheap where it is nothing.

    A path may have a version and a tenant before it (`/v1/acme/message:send`). A body of JSON-RPC counts by its method,
    or by the shape of its result.
    """
    lowered = path.rstrip("/").lower()
    if lowered.endswith(_CARDS):
        return Sort.CARD
    if lowered.endswith(_ACTIONS) or (lowered.endswith(_TASK_ACTIONS) and "/tasks/" in lowered):
        return Sort.MESSAGE
    kind = content_type.partition(";")[0].strip().lower()
    if kind == _MEDIA_TYPE or not _HEADERS.isdisjoint(headers):
        return Sort.MESSAGE
    # A name that is spelled with escapes is only known once it is read.
    if b'"jsonrpc"' not in body and b"\\u00" not in body:
        return Sort.NONE
    read, complete = documents(body, content_type)
    named = not complete and any(f'"{method}"'.encode() in body for method in _METHODS)
    return Sort.MESSAGE if named or any(is_message(one) for one in read) else Sort.NONE


def documents(body: bytes, content_type: str) -> tuple[list[Json], bool]:
    """The JSON documents of a body, and whether that is all of it.

    A body holds one, the members of a batch, or the data of each event of a stream; at most `MAX_DOCUMENTS`.
    """
    if content_type.partition(";")[0].strip().lower() == "text/event-stream":
        texts = _events(body)
    else:
        texts = [body] if body.lstrip(_BLANK)[:1] in (b"{", b"[") else []
    found: list[Json] = []
    complete = len(texts) <= MAX_DOCUMENTS
    for text in texts[:MAX_DOCUMENTS]:
        try:
            one: Json = _decoder.decode(text.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError):
            complete = False
            continue
        found += one if isinstance(one, list) else [one]
    return found[:MAX_DOCUMENTS], complete and len(found) <= MAX_DOCUMENTS


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """An object; of parsers some take the first of two equal keys and some the last, so both values stay."""
    read = dict(pairs)
    if len(read) == len(pairs):
        return read
    values: dict[str, list[Json]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    return {key: some[0] if len(some) == 1 else some for key, some in values.items()}


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=str)


def _events(body: bytes) -> list[bytes]:
    """The data of each server-sent event (WHATWG HTML §9.2.6)."""
    events: list[bytes] = []
    lines: list[bytes] = []
    for line in [*body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"), b""]:
        if line.startswith(b"data:"):
            lines.append(line[5:].removeprefix(b" "))
        elif not line and lines:
            events.append(b"\n".join(lines))
            lines = []
            if len(events) > MAX_DOCUMENTS:
                break
    return events


def is_message(document: Json) -> bool:
    """Whether a JSON-RPC document is one of the protocol's."""
    if not isinstance(document, dict) or "jsonrpc" not in document:
        return False
    methods, results = _all(document.get("method")), _all(document.get("result"))
    return any(isinstance(method, str) and method in _METHODS for method in methods) or any(map(_is_result, results))


def _all(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _is_result(result: Json) -> bool:
    if not isinstance(result, dict):
        return False
    return (
        any(isinstance(kind, str) and kind in _KINDS for kind in _all(result.get("kind")))
        or any(isinstance(result.get(name), dict) for name in _ENVELOPES)
        or ("parts" in result and "messageId" in result)
        or ("contextId" in result and "status" in result)
    )
