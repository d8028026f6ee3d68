"""What of an event is read by a model: the strings in its JSON, told apart by what becomes of them.

Services that stream answers of a language model cut one text into hundreds of events and put each piece somewhere in
a JSON object. Strings at the same place of consecutive events are therefore one text; a place is the keys that lead to
it and the numbers that stand beside them (`index`, `output_index`…), so that several texts may be under way at once.
Names, ids and other labels are no such text, they are looked at each by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import msgspec

__all__ = ["MAX_NODES", "Family", "Reading", "read_data"]

MAX_NODES = 20_000
"""Objects, lists and strings of one event that are looked at one by one; one with more is judged as it is."""

_MAX_PLACE = 256
"""Characters of a place; texts at deeper ones count as one text."""

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

_NUMBERS = ("index", "output_index", "content_index", "summary_index", "contentBlockIndex")
"""Keys whose numbers tell apart texts that are under way at the same time."""

_LABELS = frozenset({
    "id", "object", "model", "type", "role", "system_fingerprint", "finish_reason", "stop_reason", "stop_sequence",
    "native_finish_reason", "service_tier", "obfuscation", "item_id", "call_id", "response_id", "previous_response_id",
    "status", "event", "p", "kind", "name", "provider", "created_at", "timestamp", "done_reason", "finishReason",
    "modelVersion", "responseId", "createTime", "signature", "thoughtSignature", "encrypted_content", "jsonrpc",
    "method", "contextId", "context_id", "taskId", "task_id", "messageId", "message_id", "artifactId", "mimeType",
    "media_type", "stopReason", "request_id", "session_id", "conversation_id", "author",
})  # fmt: skip
"""Keys of strings that are whole in every event, in the formats of the services that stream answers."""

_LARGEST_CALL = 10**9
_ANTHROPIC = frozenset({"message_start", "content_block_start", "content_block_delta", "message_delta", "ping"})


@dataclass(slots=True)
class Family:
    """Which service's format a stream has, from what its events show; `endings` answers in it.

    Attributes:
        name: `openai`, `responses`, `anthropic`, `gemini`, `jsonrpc`, `ollama`, or empty.
        sequence: The highest sequence number seen (`responses`), -1 for none.
        call: The id of the call that a JSON-RPC stream answers; `None` until one was seen. It is said again in an
            ending, so a text must have passed before: it may be what the stream is refused for.
    """

    name: str = ""
    sequence: int = -1
    call: str | int | None = None
    _offered: str | None = None

    def see(self, document: Json) -> None:
        """Take one event into account. The first that shows a format decides, but JSON-RPC always shows itself."""
        if not isinstance(document, dict):
            return
        if "jsonrpc" in document:
            self.name = "jsonrpc"
            call = None if "method" in document else document.get("id")
            if isinstance(call, str):
                self._offered = call
            elif isinstance(call, int) and abs(call) < _LARGEST_CALL:
                self.call, self._offered = call, None
            return
        self.name = self.name or _family(document)
        number = document.get("sequence_number")
        if self.name == "responses" and isinstance(number, int):
            self.sequence = max(self.sequence, number)

    def passed(self) -> None:
        """What was seen so far has passed."""
        if self._offered is not None:
            self.call, self._offered = self._offered, None

    def dropped(self) -> None:
        """What was seen last has not passed."""
        self._offered = None


def _family(document: dict[str, Json]) -> str:
    kind = document.get("type")
    if isinstance(kind, str):
        if kind.startswith("response."):
            return "responses"
        if kind in _ANTHROPIC:
            return "anthropic"
    if "choices" in document:
        return "openai"
    if "candidates" in document:
        return "gemini"
    return "ollama" if "done" in document and "model" in document else ""


@dataclass(slots=True)
class Reading:
    """What `read_data` made of an event's data.

    Attributes:
        texts: Place and piece of each text, in reading order. Plain data has the place `""`.
        labels: Keys, and `key: value` of strings that stand for themselves.
        document: The decoded JSON; `None` where the data is no JSON object or list.
        slots: Where each of `texts` stands in `document`, to put another text there.
        is_doubtful: The JSON holds more than was read: it must be judged as it is as well.
    """

    texts: list[tuple[str, str]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    document: Json = None
    slots: list[tuple[dict[str, Json] | list[Json], str | int]] = field(default_factory=list)
    is_doubtful: bool = False


def read_data(data: str) -> Reading:
    """Read the data of one event. Linear in its length."""
    document = _decoded(data)
    if isinstance(document, str):
        return Reading([("", document)])
    if not isinstance(document, dict | list):
        return Reading([("", data)] if data else [], is_doubtful=data[:1] in ("{", "["))
    reading = Reading(document=document)
    strings = _walk(document, reading)
    quotes = data.count('"') + data.count("\\u0022")
    if strings < 0 or quotes != strings:
        # Too much of it, or a key that is there twice, of which the reader has kept one and a client may keep another.
        # (Every string has two quotes, and those inside it are escaped as \" or \u0022.)
        reading.is_doubtful = True
    return reading


def _decoded(data: str) -> Json:
    """The JSON in `data`; what is none counts as a number, of which there is nothing to read."""
    if data[:1] not in ("{", "[", '"', " ", "\t", "\n", "\r"):
        return 0
    try:
        decoded: Json = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        pass
    else:
        return decoded
    if "\\u" not in data:
        return 0
    try:
        # Halves of a surrogate pair come in two events from servers that cut texts between any two code units.
        decoded = json.loads(data)
    except (ValueError, RecursionError):
        return 0
    return decoded


def _walk(document: dict[str, Json] | list[Json], reading: Reading) -> int:
    """Collect the strings; returns how many quotation marks the text of `document` must have, -1 if it is too large."""
    quotes = nodes = 0
    # Popped from the end: children go in backwards, so that they come out in reading order.
    waiting: list[tuple[dict[str, Json] | list[Json], str]] = [(document, "")]
    while waiting:
        node, place = waiting.pop()
        place = place[:_MAX_PLACE]
        nodes += 1 + len(node)
        if nodes > MAX_NODES:
            return -1
        inner: list[tuple[dict[str, Json] | list[Json], str]] = []
        if isinstance(node, dict):
            place += _numbers(node)
            for key, value in node.items():
                quotes += 2 + key.count('"')
                reading.labels.append(key)
                if isinstance(value, str):
                    quotes += 2 + value.count('"')
                    _string(node, key, value, place, reading)
                elif isinstance(value, dict | list):
                    inner.append((value, f"{place}.{key[:_MAX_PLACE]}"))
        else:
            for position, item in enumerate(node):
                if isinstance(item, str):
                    # (An empty one is of no interest, but its quotation marks are.)
                    quotes += 2 + item.count('"')
                    reading.texts.append((place, item))
                    reading.slots.append((node, position))
                elif isinstance(item, dict | list):
                    inner.append((item, place))
        waiting.extend(reversed(inner))
    return quotes


def _numbers(node: dict[str, Json]) -> str:
    """What tells this object apart from its like."""
    found = ""
    for name in _NUMBERS:
        number = node.get(name)
        if isinstance(number, int):
            found += f"#{name}{number}"
    return found[:_MAX_PLACE]


def _string(node: dict[str, Json], key: str, value: str, place: str, reading: Reading) -> None:
    if key in _LABELS:
        if value:
            reading.labels.append(f"{key}: {value}")
    elif value:
        reading.texts.append((f"{place}.{key[:_MAX_PLACE]}", value))
        reading.slots.append((node, key))
