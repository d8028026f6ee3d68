"""What a client reads when its WebSocket is closed for it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.model import BlockReason
from pipelock.proxy.websocket import close
from pipelock.proxy.websocket.close import MAX_REASON, POLICY, blocked, clipped
from tests.factories import a_decision


def told(code: BlockReason | None, layer: str = "") -> dict[str, str]:
    ended = blocked(a_decision(code=code, layer=layer))
    assert ended.code == POLICY
    assert len(ended.reason.encode()) <= MAX_REASON
    answer: dict[str, str] = msgspec.json.decode(ended.reason)
    return answer


def test_a_refusal_is_told_in_codes() -> None:
    assert told(BlockReason.DLP_MATCH, "body_dlp") == {
        "block_reason": "dlp_match",
        "version": "1",
        "severity": "critical",
        "retry": "none",
        "layer": "body_dlp",
    }


@pytest.mark.parametrize("code", list(BlockReason))
def test_every_code_fits_with_a_layer_left_out_where_it_does_not(code: BlockReason) -> None:
    answer = told(code, "a_layer_with_a_name_of_31_chars")
    assert (answer["block_reason"], answer["version"], answer["severity"]) == (code.value, "1", code.severity)
    assert told(code).keys() == {"block_reason", "version", "severity", "retry"}


@pytest.mark.parametrize("layer", ["", 'no"quotes', "x" * 33, "ümlaut"])
def test_a_layer_that_is_no_label_is_left_out(layer: str) -> None:
    assert "layer" not in told(BlockReason.DLP_MATCH, layer)


def test_a_refusal_without_a_code_says_something() -> None:
    assert told(None)["block_reason"] == "parse_error"


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        (123, {"block_reason", "version", "severity", "retry", "layer"}),
        (90, {"block_reason", "version", "severity", "retry"}),
        (70, {"block_reason", "version", "severity"}),
        (50, {"block_reason", "version"}),
        (30, {"block_reason"}),
    ],
)
def test_what_does_not_fit_is_left_out_in_order(limit: int, kept: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(close, "MAX_REASON", limit)
    ended = blocked(a_decision(code=BlockReason.DLP_MATCH, layer="body_dlp"))
    assert msgspec.json.decode(ended.reason).keys() == kept
    monkeypatch.setattr(close, "MAX_REASON", 5)
    assert msgspec.json.decode(blocked(a_decision(code=BlockReason.DLP_MATCH)).reason) == {
        "block_reason": "block_reason_overflow",
        "version": "1",
    }


@given(st.text(max_size=200))
def test_a_reason_is_cut_between_characters(text: str) -> None:
    cut = clipped(text)
    assert len(cut.encode()) <= MAX_REASON
    assert text.encode("utf-8", "replace").decode().startswith(cut)
