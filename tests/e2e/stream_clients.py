"""Streams an answer with a vendor's own library and tells, as one line of JSON, what its user gets to see.

    python stream_clients.py chat|responses|messages BASE_URL

Run by `test_stream_endings.py` with a Python that has `openai` and `anthropic`; it needs nothing of ours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

FAKE = "sk-" + "test"


def chat(base: str) -> Iterator[str]:
    """OpenAI's chat completions."""
    import openai  # noqa: PLC0415 - each client needs its own library alone

    client = openai.OpenAI(base_url=f"{base}/v1", api_key=FAKE, max_retries=0)
    for chunk in client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True):
        yield chunk.choices[0].delta.content or ""


def responses(base: str) -> Iterator[str]:
    """OpenAI's responses."""
    import openai  # noqa: PLC0415 - each client needs its own library alone

    client = openai.OpenAI(base_url=f"{base}/v1", api_key=FAKE, max_retries=0)
    for event in client.responses.create(model="m", input="hi", stream=True):
        yield getattr(event, "delta", "")


def messages(base: str) -> Iterator[str]:
    """Anthropic's messages."""
    import anthropic  # noqa: PLC0415 - as above

    client = anthropic.Anthropic(base_url=base, api_key=FAKE, max_retries=0)
    with client.messages.stream(model="m", max_tokens=99, messages=[{"role": "user", "content": "hi"}]) as stream:
        yield from stream.text_stream


CLIENTS: dict[str, Callable[[str], Iterator[str]]] = {"chat": chat, "responses": responses, "messages": messages}


def main(kind: str, base: str) -> None:
    """Print what came, and how it ended."""
    text = ""
    error = message = ""
    try:
        for piece in CLIENTS[kind](base):
            text += piece
    except Exception as e:  # noqa: BLE001 - whatever a library raises is what its user sees
        error, message = type(e).__name__, str(e)
    sys.stdout.write(json.dumps({"text": text, "error": error, "message": message}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
