"""A row as something that can be taken elsewhere: a curl command, an HTTP archive, JSON. Pure.

Secrets were masked before they left the daemon, and header values that are credentials by their name are masked here
once more. What is masked, and the body, which nobody keeps, has to be filled in by whoever repeats the request.
"""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime

import msgspec

from pipelock import __version__
from pipelock.model import ActionSummary, Record, escape
from pipelock_tui.explain import masked

__all__ = ["FORMATS", "curl_command", "exported", "file_name", "har"]

FORMATS = ("curl", "har", "json")
_LEFT_OUT = frozenset(
    {
        "host",
        "content-length",
        "connection",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "keep-alive",
    }
)
_LONGEST = 8_192


def exported(record: Record, response: Record | None, form: str) -> str:
    """The text of a file in one of `FORMATS`, with a line feed at its end. `response` is the answer's record."""
    match form:
        case "curl":
            return curl_command(record) + "\n"
        case "har":
            return json.dumps(har(record, response), indent=2, sort_keys=True) + "\n"
        case _:
            both = [each for each in (record, response) if each is not None]
            return json.dumps(msgspec.to_builtins(both), indent=2, sort_keys=True) + "\n"


def curl_command(record: Record) -> str:
    """The request as a command for a shell, a line for each header: one request, and nothing can end its quotes."""
    action = record.action
    # Without -g brackets and braces in a URL are many URLs to curl, of whoever chose them.
    method, url = shlex.quote(escape(action.method or "GET", 32)), shlex.quote(escape(action.url, _LONGEST))
    words = [f"curl -g --path-as-is -X {method} {url}"]
    for name, value in action.headers:
        if name.casefold() not in _LEFT_OUT:
            pair = escape(f"{name}: {masked(name, value)}", _LONGEST)
            words.append(f"  -H {shlex.quote(pair)}")
    if action.size:
        words.append("  --data-binary @BODY")
    command = " \\\n".join(words)
    note = f"# {action.size} bytes of body were sent and not kept: put them into the file BODY\n" if action.size else ""
    return note + command


def har(record: Record, response: Record | None) -> dict[str, object]:
    """An HTTP archive 1.2 with one entry; times that were not measured are -1."""
    entry: dict[str, object] = {
        "startedDateTime": datetime.fromtimestamp(record.at, UTC).isoformat(timespec="milliseconds"),
        "time": max(0.0, (response.at - record.at) * 1000) if response is not None else 0,
        "request": {
            **_message(record.action),
            "method": record.action.method,
            "url": record.action.url,
            "queryString": [],
        },
        "response": _answer(record, response),
        "cache": {},
        "timings": {"send": -1, "wait": -1, "receive": -1},
        "comment": f"pipelock: {record.decision.verdict.value} {record.decision.reason}".strip(),
    }
    creator = {"name": "pipelock", "version": __version__}
    return {"log": {"version": "1.2", "creator": creator, "entries": [entry]}}


def _message(action: ActionSummary) -> dict[str, object]:
    headers = [{"name": name, "value": masked(name, value)} for name, value in action.headers]
    return {"httpVersion": "HTTP/1.1", "cookies": [], "headers": headers, "headersSize": -1, "bodySize": action.size}


def _answer(record: Record, response: Record | None) -> dict[str, object]:
    if response is None:
        status = record.decision.status
        empty = ActionSummary(id=record.action.id, kind=record.action.kind, transport=record.action.transport)
        content = {"size": 0, "mimeType": "x-unknown"}
        return {**_message(empty), "status": status, "statusText": "", "content": content, "redirectURL": ""}
    action = response.action
    content = {"size": action.size, "mimeType": action.content_type or "x-unknown"}
    return {**_message(action), "status": action.status, "statusText": "", "content": content, "redirectURL": ""}


def file_name(record: Record, form: str) -> str:
    """A name for the file: time, host and action, of letters, digits, dots and dashes only."""
    when = datetime.fromtimestamp(record.at, UTC).strftime("%Y%m%d-%H%M%S")
    host = "".join(char if char.isascii() and (char.isalnum() or char in ".-") else "-" for char in record.action.host)
    known = "".join(char for char in record.action.id if char.isascii() and char.isalnum())
    return f"{when}-{host.strip('.-')[:60] or 'row'}-{known[:16]}.{'sh' if form == 'curl' else form}"
