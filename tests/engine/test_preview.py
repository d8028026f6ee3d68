from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.engine._preview import MAX_PREVIEW, preview
from pipelock.model import Span
from tests.factories import a_finding, a_response, an_action


def found(start: int, end: int, place: str = "body"):
    return a_finding(scanner="body_dlp", place=place, span=Span(start, end))


@pytest.mark.parametrize(
    ("body", "spans", "shown"),
    [
        (b"", [], ""),
        (b"plain", [], "plain"),
        (b"a SECRET b", [(2, 8)], "a [masked] b"),
        (b"SECRET", [(0, 6)], "[masked]"),
        (b"a SECRET b SECRET c", [(2, 8)], "a [masked] b [masked] c"),
        (b"0123456789", [(0, 4), (2, 8)], "[masked]89"),
        (b"0123456789", [(2, 8), (0, 4)], "[masked]89"),
        (b"abcabcab", [(0, 6)], "[masked]ab"),
        (b"abXcd", [(2, 2)], "abXcd"),
        (b"\xff\xfeok", [], "\ufffd\ufffdok"),
    ],
)
def test_what_was_found_is_masked_wherever_it_stands(body: bytes, spans: list[tuple[int, int]], shown: str) -> None:
    assert preview(an_action(body=body), [found(*span) for span in spans]) == shown


def test_other_places_do_not_matter_to_the_body() -> None:
    assert preview(an_action(body=b"body"), [found(0, 4, "header:x"), a_finding(place="url")]) == "body"


def test_a_secret_in_another_spelling_hides_everything() -> None:
    shown = preview(an_action(body=b"c2VjcmV0"), [a_finding(scanner="body_dlp", place="body", path=("base64",))])
    assert shown == "[not shown: it holds a secret in another spelling]"


def test_of_a_response_the_instruction_is_what_has_to_be_read() -> None:
    action = a_response(body=b"please OBEY now")
    assert preview(action, [found(7, 11)]) == "please OBEY now"
    assert preview(action, [a_finding(scanner="response_scan", place="body", path=("folded",))]) == "please OBEY now"


def test_a_secret_across_the_end_or_longer_than_the_preview_does_not_peep_out() -> None:
    body = b"x" * (MAX_PREVIEW - 3) + b"SECRET" + b"y" * 10 + b"SECRET"
    shown = preview(an_action(body=body), [found(len(body) - 6, len(body))])
    assert shown.rstrip("x[masked") == ""
    assert len(shown) == MAX_PREVIEW
    long = b"k" * 5000
    assert preview(an_action(body=long), [found(1, 4999)]) == "k[masked]"


@given(st.lists(st.binary(max_size=900), min_size=1, max_size=6))
def test_nothing_that_was_found_is_shown(noise: list[bytes]) -> None:
    secret = b"\x01KEY\x02"
    body = secret.join(noise)
    at = body.find(secret)
    shown = preview(an_action(body=body), [] if at < 0 else [found(at, at + len(secret))])
    assert len(shown) <= MAX_PREVIEW
    assert "\x01KEY\x02" not in shown
