"""Looking into texts: places, dense texts, and what hostile ones cost."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.cli._hits import HitKind
from pipelock.cli._inspect import MAX_FILE_HITS, Inspector
from pipelock.config import loads
from pipelock.engine import Engine, KillSwitch
from pipelock.engine.compile import compile_policy
from tests.factories import FAKE_KEY, FAKE_ORDER, a_policy

# Put together, so that this file holds none itself.
KEY = "AKIA" + "QZ7KJ3MPXW4TDV5N"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def fake() -> Inspector:
    return Inspector(Engine(a_policy(), KillSwitch()))


@pytest.fixture(scope="module")
def real(compiled_rules: Path) -> Inspector:
    policy = compile_policy(loads("", "test"), {}, compiled_rules)
    return Inspector(Engine(policy, KillSwitch()))


def keys(count: int) -> list[str]:
    chance = random.Random(7)
    return ["AKIA" + "".join(chance.choices(ALPHABET, k=16)) for _ in range(count)]


@pytest.mark.parametrize(
    ("text", "line", "col"),
    [
        (f"{FAKE_KEY}", 1, 1),
        (f"a\nb {FAKE_KEY}", 2, 3),
        (f"a\r\nb {FAKE_KEY}\r\n", 2, 3),
        (f"é漢 {FAKE_KEY}", 1, 4),
    ],
)
def test_places_count_characters(text: str, line: int, col: int) -> None:
    # The fake scanner reads bytes as Latin-1, so its offsets are those of the bytes.
    (hit,) = fake().look("a", text.encode()).hits
    assert (hit.line, hit.col, hit.end_line, hit.end_col) == (line, col, line, col + len(FAKE_KEY))


def test_every_kind_is_told_in_the_order_of_the_text() -> None:
    looked = fake().look("a", f"{FAKE_ORDER}\n\u202e\n{FAKE_KEY}\n".encode())
    assert [hit.kind for hit in looked.hits] == [HitKind.INSTRUCTION, HitKind.HIDDEN_UNICODE, HitKind.SECRET]


def test_equal_hits_are_numbered() -> None:
    looked = fake().look("a", f"{FAKE_KEY}\n{FAKE_KEY}\n".encode())
    assert [(hit.line, hit.number) for hit in looked.hits] == [(1, 0), (2, 1)]


def test_secrets_alone() -> None:
    inspector = Inspector(Engine(a_policy(), KillSwitch()), instructions=False)
    looked = inspector.look("a", f"{FAKE_ORDER} \u202e {FAKE_KEY}".encode())
    assert [hit.kind for hit in looked.hits] == [HitKind.SECRET]


@pytest.mark.parametrize("between", ["\n", " "])
def test_all_of_many_are_found_on_lines_and_without(real: Inspector, between: str) -> None:
    many = keys(200)
    looked = real.look("a", between.join(many).encode())
    found = {(hit.line, hit.col) for hit in looked.hits if hit.rule == "AWS Access ID"}
    places = {(i + 1, 1) for i in range(200)} if between == "\n" else {(1, 1 + 21 * i) for i in range(200)}
    assert found == places
    assert looked.problem == ""


def test_too_many_are_cut_and_that_is_said(real: Inspector) -> None:
    looked = real.look("a", "\n".join(keys(MAX_FILE_HITS + 200)).encode())
    assert len(looked.hits) == MAX_FILE_HITS
    assert "findings" in looked.problem


def test_a_dense_text_costs_a_few_scans(real: Inspector) -> None:
    size = 100_000
    began = time.process_time()
    real.look("a", b"a plain line of words and nothing else\n" * (size // 39))
    clean = time.process_time() - began
    for text in ("\n".join(keys(size // 21)), " ".join(keys(size // 21)), (KEY + "\n") * (size // 21)):
        began = time.process_time()
        real.look("a", text.encode())
        assert time.process_time() - began < max(4.0, 12 * clean)


@settings(max_examples=25, deadline=None)
@given(
    st.text(st.sampled_from("ab \n\t='\"é\u200b,:{}"), max_size=30),
    st.text(st.sampled_from("ab \n\t='\"é\u200b,:{}"), max_size=30),
    st.sampled_from([KEY, KEY.encode().hex(), "\u200b".join(KEY), f"{KEY}\n{KEY}"]),
)
def test_no_hit_holds_the_secret(real: Inspector, before: str, after: str, spelled: str) -> None:
    looked = real.look("a", f"{before}{spelled}{after}".encode())
    for hit in looked.hits:
        assert KEY not in repr(hit)
        assert spelled not in repr(hit)
