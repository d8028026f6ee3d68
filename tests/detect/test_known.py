"""Known values are found in every spelling, and nothing of them is kept but fingerprints."""

from __future__ import annotations

import base64
import gc
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect._forms import LONGEST, WINDOW, forms, whole
from pipelock.detect.known import (
    ENVIRONMENT_RULE,
    FILE_RULE,
    MAX_KNOWN,
    KnownSecrets,
    KnownValue,
    from_environ,
)
from pipelock.detect.ruleset import RuleSet
from pipelock.detect.secrets import SecretScanner
from pipelock.detect.views import Place, View

VALUE = "Zx9-qLm!27/kP+wT4vB8~r"
OTHER = "hV5sT0cJ2mQ8yN4e"


def a_view(text: str | bytes, name: str = "body") -> View:
    data = text if isinstance(text, bytes) else text.encode()
    return View(Place(name, data), data)


def known(*values: str, native: bool = True) -> KnownSecrets:
    return KnownSecrets([KnownValue(value, f"value {number}") for number, value in enumerate(values)], native=native)


RAW = VALUE.encode()
SPELLINGS = {
    "plain": VALUE,
    "upper": VALUE.upper(),
    "reversed": VALUE[::-1],
    "base64": base64.b64encode(RAW).decode(),
    "base64 in a longer text, one": base64.b64encode(b"x" + RAW + b"yz").decode(),
    "base64 in a longer text, two": base64.b64encode(b"xx" + RAW + b"y").decode(),
    "url-safe": base64.urlsafe_b64encode(RAW).decode().rstrip("="),
    "base32": base64.b32encode(RAW).decode(),
    "base32 in a longer text": base64.b32encode(b"abc" + RAW + b"de").decode().lower(),
    "hex": RAW.hex(),
    "HEX": RAW.hex().upper(),
    "colons": RAW.hex(":"),
    "0x": ", ".join(f"0x{byte:02x}" for byte in RAW),
    "escapes": "".join(f"\\x{byte:02x}" for byte in RAW),
    "percent": quote(VALUE, safe=""),
    "percent, all": "".join(f"%{byte:02X}" for byte in RAW),
    "bits": " ".join(f"{byte:08b}" for byte in RAW),
    "octal": " ".join(f"{byte:o}" for byte in RAW),
    "codes": json.dumps(list(RAW)),
    "codes, tight": ",".join(map(str, RAW)),
    "codes, spaced": " ".join(map(str, RAW)),
}


@pytest.mark.parametrize("native", [True, False], ids=["native", "linear"])
@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_is_found_where_it_stands(name: str, native: bool) -> None:
    text = f"see <{SPELLINGS[name]}> there"
    # Of this size it is the native matcher that is asked.
    (found,) = known(OTHER, VALUE, native=native).find([a_view("nothing " * 300), a_view(text)])
    assert found.what == "the value of value 1"
    assert found.rule == FILE_RULE
    assert text.index("<") < found.start < found.end <= text.index(">")
    assert found.end - found.start > len(SPELLINGS[name]) * 0.6


@pytest.mark.parametrize("indent", [None, 1, 2, 4])
def test_numbers_in_json_are_read_as_character_codes(indent: int | None) -> None:
    scanner = SecretScanner(RuleSet.builtin("credentials", include_defaults=False), watchers=[known(VALUE)])
    body = json.dumps({"telemetry": [7, 12, *RAW, 99], "n": 3}, indent=indent)
    assert [finding.rule for finding in scanner.scan(body, "body", content_type="application/json")] == [FILE_RULE]


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=8, max_size=80).map(whole).filter(lambda value: len(value) >= 8), st.binary(max_size=12))
def test_any_bytes_are_found_in_all_spellings(value: bytes, edge: bytes) -> None:
    secrets = KnownSecrets(
        [KnownValue(value.decode("latin-1").encode("latin-1").decode("utf-8", "surrogateescape"), "x")]
    )
    if len(secrets) == 0 or value.decode("utf-8", "surrogateescape").encode("utf-8", "surrogatepass") != value:
        return
    for text in (value, base64.b64encode(edge + value + edge), value.hex().encode(), base64.b32encode(edge + value)):
        assert secrets.find([a_view(text)])


@pytest.mark.parametrize(
    "text", ["", "Zx9-qLm!27/kP+wT4vB8", "Zx9-", VALUE[1:], RAW.hex()[2:], "Zx9-qLm!27/kP-wT4vB8~r"]
)
def test_parts_and_near_misses_are_not(text: str) -> None:
    assert known(VALUE).find([a_view(text)]) == []


def test_a_value_cut_by_the_edge_of_a_view_is_none() -> None:
    assert known(VALUE).find([a_view(VALUE[:10]), a_view(VALUE[10:])]) == []


def test_a_value_may_go_to_its_own_hosts() -> None:
    secrets = KnownSecrets([KnownValue(VALUE, "x", hosts=("*.vendor.example",))])
    views = [a_view(VALUE)]
    assert secrets.find(views, "api.vendor.example") == []
    assert secrets.find(views, "vendor.example.net")
    assert secrets.find(views)


def test_each_value_is_told_once() -> None:
    views = [a_view(f"{VALUE} {VALUE} {RAW.hex()}"), a_view(VALUE)]
    assert len(known(VALUE, VALUE).find(views)) == 1


def test_only_windows_and_fingerprints_are_kept() -> None:
    value = "Correct9Horse8Battery7Staple6"
    secrets = known(value)
    gc.collect()
    secrets.find([a_view("nothing " * 300)])
    assert secrets._matcher is not None
    held = repr(vars(secrets)) + repr(secrets._matcher._patterns)
    spelled = [form.text.decode("latin-1") for form in forms(value.encode())]
    assert not any(value[at : at + WINDOW + 1].lower() in held.lower() for at in range(len(value) - WINDOW))
    assert not any(text in held for text in spelled)


def test_long_values_and_those_of_several_lines_count_by_their_middle() -> None:
    assert whole(b"short\nthe longest line\nthe longest lime") == b"the longest lime"
    assert whole(b"a" * 100 + b"b" * 100) == b"a" * 63 + b"b" * 63
    assert len(whole(b"x" * 4096)) == LONGEST


def test_too_many_values_are_refused_and_short_ones_left_out() -> None:
    with pytest.raises(ValueError, match="more than 1000"):
        KnownSecrets([KnownValue("a" * 20, "x")] * (MAX_KNOWN + 1))
    assert len(known("seven77", "eight888")) == 1
    assert KnownSecrets([]).find([a_view("x")]) == []


def test_few_small_texts_compile_nothing() -> None:
    secrets = known(VALUE)
    for _ in range(32):
        assert secrets.find([a_view(f"see {VALUE}")])
        assert secrets._matcher is None
    assert secrets.find([a_view(f"see {VALUE}")])
    assert secrets._matcher is not None


def test_the_environment_is_chosen_from() -> None:
    environ = {"KEY": VALUE, "HOME": "/home/someone-with-a-name", "CALM": "a" * 40, "SHORT": "aB3$", "LC_X": VALUE,
               "URL": "https://example.org/a-page-of-ours", "WITH": "https://me:pw1234@example.org/x",
               "PATHS": "/usr/lib/x86_64-linux-gnu", "PYTHONWARNINGS": "ignore::DeprecationWarning", "AUTHOR": "Jane Middleton Doe",
               "DB_PASSPHRASE": "correct horse battery staple"}  # fmt: skip
    chosen = from_environ(environ)
    assert [value.origin.split()[-1] for value in chosen] == ["DB_PASSPHRASE", "KEY", "WITH"]
    assert {value.rule for value in chosen} == {ENVIRONMENT_RULE}
    assert from_environ({"KEY": VALUE}, 40) == []


@pytest.mark.parametrize("piece", [VALUE[:WINDOW], "a", VALUE[4:12], RAW.hex()[:12], "0, "])
def test_hostile_text_costs_little_more_than_clean(piece: str) -> None:
    secrets = known(*(f"{VALUE}{number:03}" for number in range(50)))

    def cost(text: str) -> float:
        best = 1.0
        for _ in range(3):
            start = time.process_time()
            secrets.find([a_view(text)])
            best = min(best, time.process_time() - start)
        return best

    # The whole scan of clean text of this size takes ten milliseconds or so; see bench/.
    assert cost((piece * 204_800)[:204_800]) < 0.25
