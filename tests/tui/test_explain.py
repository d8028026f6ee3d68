from __future__ import annotations

from pipelock.model import Kind, Pending
from pipelock_tui import testing
from pipelock_tui.explain import consequences, record_lines
from pipelock_tui.text import plain


def words_for(kind: Kind, twins: int = 1) -> str:
    base = testing.pending(twins=twins)
    action = testing.summary("h.example", "/p", method="POST", kind=kind, status=200 if kind is Kind.RESPONSE else 0)
    fields = {name: getattr(base, name) for name in base.__struct_fields__} | {"action": action}
    return consequences(Pending(**fields))[0][1]


def test_what_is_allowed_is_said_plainly() -> None:
    assert words_for(Kind.REQUEST).startswith("Send this one POST request to https://h.example/p.")
    assert words_for(Kind.REQUEST, 3).startswith("Send these 3 identical POST requests to https://h.example/p.")
    assert words_for(Kind.RESPONSE).startswith("Let this one answer from https://h.example/p reach the agent")
    assert words_for(Kind.CONNECT).startswith(
        "Open this one tunnel to h.example:443; what goes through is judged only where TLS interception opens it."
    )


def test_the_match_is_marked() -> None:
    lines = record_lines(testing.blocked())
    marked = [part.text for each in lines for part in each if part.role == "match"]
    assert marked == ["[masked]"]


def test_a_header_that_sounds_like_a_credential_is_masked_here_too() -> None:
    action = testing.summary(headers=(("x-my-token", "made-up-value"), ("accept", "text/html")))
    text = "\n".join(plain(each) for each in record_lines(testing.record(action)))
    assert "made-up-value" not in text
    assert "x-my-token: [13 characters]" in text
    assert "accept: text/html" in text
