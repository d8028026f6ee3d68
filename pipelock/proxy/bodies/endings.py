"""The last words of a stream that is refused in its midst, in the format of whoever reads it.

When a stream has begun its status is long gone: a client learns of a refusal only from an event that its library takes
for an error. What is said is what a refusal page says (`pipelock.proxy.pages`): that Pipelock did it, why in general,
the layer and the request; neither the text that was found nor the name of the rule that found it.
"""

from __future__ import annotations

import msgspec

from pipelock.model import BlockReason, Decision, Retry, escape
from pipelock.proxy.bodies._deltas import Family
from pipelock.proxy.bodies.frames import frame
from pipelock.proxy.bodies.sse import StreamFormat

__all__ = ["HEARTBEAT", "ending", "message_of"]

HEARTBEAT = b": held\n\n"
"""What a client of `text/event-stream` is sent while it has to wait for a verdict. The standard has it ignored."""

_MAX_TEXT = 500
_RPC_REFUSED = -32001

_WHY = {
    BlockReason.PROMPT_INJECTION: "the stream holds what looks like instructions to a model",
    BlockReason.DLP_MATCH: "the stream holds what looks like a credential",
    BlockReason.MEDIA_POLICY: "the stream holds media that policy refuses",
    BlockReason.TOOL_POISONING: "the stream holds what looks like a poisoned tool",
}


def message_of(decision: Decision) -> str:
    """One sentence for a person and an agent, at most about 800 characters."""
    code = decision.code or BlockReason.PARSE_ERROR
    # The reason of a finding names its rule; what there is no finding for says nothing of the content.
    why = escape(decision.reason, _MAX_TEXT) if not decision.findings else ""
    why = why or _WHY.get(code, "the stream was refused by policy")
    note = f" Note from the operator: {escape(decision.note, _MAX_TEXT)}." if decision.note else ""
    layer = f", layer {_layer(decision.layer)}" if decision.layer else ""
    # What nobody decided but the world did (an upstream that went away) is not called a block.
    did = "Ended" if code in {BlockReason.PARSE_ERROR, BlockReason.TIMEOUT} and not decision.findings else "Blocked"
    return f"{did} by Pipelock: {why} ({code.value}{layer}, request {escape(decision.action_id, 64)}).{note}"


def ending(stream: StreamFormat, family: Family, decision: Decision) -> bytes:
    """The bytes that end a stream of that format: whole events, nothing has to follow.

    Args:
        stream: How events are told apart.
        family: Whose format the stream has shown.
        decision: The block.
    """
    if stream is StreamFormat.FRAMES:
        return _exception(decision)
    if family.name == "jsonrpc":
        document = _rpc(family, decision)
        return _line(document) if stream is StreamFormat.LINES else _event("message", document)
    if stream is StreamFormat.LINES:
        # Clients of this format (Ollama's among them) take `error` for a text.
        return _line({"error": message_of(decision), **_details(decision), "done": True})
    return _last_event(family, decision)


def _last_event(family: Family, decision: Decision) -> bytes:
    match family.name:
        case "openai":
            return _event("", {"error": _error(decision)}) + b"data: [DONE]\n\n"
        case "gemini":
            status = 403 if _is_final(decision) else 503
            word = "PERMISSION_DENIED" if status == 403 else "UNAVAILABLE"
            return _event("", {"error": {"code": status, "message": message_of(decision), "status": word}})
        case "responses":
            error = _error(decision)
            said = {"sequence_number": family.sequence + 1, **error, "error": error}
            return _event("error", {**said, "type": "error"})
        case _:
            # Anthropic's, which is also the nearest there is to a custom.
            return _event("error", {"type": "error", "error": _error(decision)})


def _exception(decision: Decision) -> bytes:
    """What AWS's libraries raise; the first of the two kinds is not tried again."""
    kind = "validationException" if _is_final(decision) else "serviceUnavailableException"
    headers = {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}
    return frame(headers, msgspec.json.encode({"message": message_of(decision), **_details(decision)}))


def _error(decision: Decision) -> dict[str, object]:
    return {
        "message": message_of(decision),
        "type": "permission_error" if _is_final(decision) else "api_error",
        "param": None,
        "code": (decision.code or BlockReason.PARSE_ERROR).value,
        **_details(decision),
    }


def _details(decision: Decision) -> dict[str, object]:
    code = decision.code or BlockReason.PARSE_ERROR
    return {
        "blocked": True,
        "block_reason": code.value,
        "layer": _layer(decision.layer),
        "retry": code.retry.value,
        "request_id": escape(decision.action_id, 64),
    }


def _rpc(family: Family, decision: Decision) -> dict[str, object]:
    error = {"code": _RPC_REFUSED, "message": message_of(decision), "data": _details(decision)}
    return {"jsonrpc": "2.0", "id": family.call, "error": error}


def _is_final(decision: Decision) -> bool:
    """Whether trying again is of no use: the client's library must not do it by itself."""
    return (decision.code or BlockReason.PARSE_ERROR).retry is not Retry.TRANSIENT


def _layer(layer: str) -> str:
    return "".join(char for char in layer[:32] if char.isascii() and (char.isalnum() or char == "_"))


def _event(name: str, document: object) -> bytes:
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + msgspec.json.encode(document) + b"\n\n"


def _line(document: object) -> bytes:
    return msgspec.json.encode(document) + b"\n"
