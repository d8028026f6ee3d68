from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from pipelock.config.decode import Decoder
from pipelock.config.kinds import Duration, FilePath, Listen, Switch, UnsupportedSwitch, UnsupportedText, Word
from pipelock.config.nodes import parse


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    name: Word
    weight: Annotated[int, Meta(ge=1, le=9)] = 5
    class_: str = msgspec.field(default="", name="class")


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    enabled: Switch = False
    beyond: UnsupportedSwitch = False


class Short(msgspec.Struct, frozen=True, kw_only=True):
    path: FilePath
    required: bool = False


class Top(msgspec.Struct, frozen=True, kw_only=True):
    mode: Literal["fast", "slow", ""] = "fast"
    depth: Literal[12, 24] = 12
    ratio: Annotated[float, Meta(gt=0, le=8)] = 4.5
    free: Annotated[float, Meta(gt=0)] = 1.0
    on: bool = True
    wait: Duration = 2.0
    listen: Listen = ""
    words: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=3)] = ("a",)
    methods: Annotated[tuple[Word, ...], Meta(extra={"comma_list": True})] = ()
    leaves: tuple[Leaf, ...] = ()
    table: dict[Word, Leaf] = {}
    maybe: Leaf | None = None
    idle: Idle = Idle()
    watched: tuple[Annotated[Short, Meta(extra={"short_for": "path"})], ...] = ()
    mask: Annotated[int, Meta(extra={"octal": True, "choices": (0o600, 0o640)})] = 0o600
    later: UnsupportedSwitch = False
    sink: UnsupportedText = ""
    closed: Annotated[dict[str, str], Meta(extra={"opaque": True, "unsupported": True})] = {}


def read(text: str) -> tuple[Top, Decoder]:
    decoder = Decoder("f.yaml", Path("/base"))
    root = parse(text)
    assert root is not None
    return decoder.decode(root, Top), decoder


def fine(text: str) -> Top:
    top, decoder = read(text)
    assert [str(problem) for problem in decoder.problems] == []
    return top


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mode: slow", Top(mode="slow")),
        ("mode: ''", Top(mode="")),
        ("depth: 24", Top(depth=24)),
        ("ratio: 3", Top(ratio=3.0)),
        ("on: off", Top(on=False)),
        ("wait: 1m", Top(wait=60.0)),
        ("words: [no, 'yes']", Top(words=("no", "yes"))),
        ("methods: get, post", Top(methods=("get", "post"))),
        ("methods: [get]", Top(methods=("get",))),
        ("leaves: [{name: x, class: k}]", Top(leaves=(Leaf(name="x", class_="k"),))),
        ("table: {a: {name: x}}", Top(table={"a": Leaf(name="x")})),
        ("maybe: {name: x}", Top(maybe=Leaf(name="x"))),
        ("maybe: null", Top()),
        ("idle: {enabled: false, beyond: true}", Top(idle=Idle(beyond=True))),
        (
            "watched: [x, {path: /y, required: on}]",
            Top(watched=(Short(path="/base/x"), Short(path="/y", required=True))),
        ),
        ("mask: 0640", Top(mask=0o640)),
        ("later: false\nsink: ''\nclosed: {}", Top()),
        ("closed:", Top()),
        ("mode:\non: ~\nwords:\nleaves: null\nidle:\nratio:", Top()),
        (
            "x: &x {name: q}\n".replace("x: ", "maybe: ") + "leaves: [*x]",
            Top(maybe=Leaf(name="q"), leaves=(Leaf(name="q"),)),
        ),
    ],
)
def test_what_is_read(text: str, expected: Top) -> None:
    assert fine(text) == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("- a", ["f.yaml:1:1: expected keys and values, found a list"]),
        ("just text", ["f.yaml:1:1: expected keys and values, found text"]),
        ("mod: slow", ['f.yaml:1:1: mod: unknown key (did you mean "mode"?)']),
        ("qqqq: 1", ["f.yaml:1:1: qqqq: unknown key"]),
        ("beyond: true", ['f.yaml:1:1: beyond: unknown key (did you mean "idle.beyond"?)']),
        ("idle: {ratio: 1}", ['f.yaml:1:8: idle.ratio: unknown key (did you mean "ratio"?)']),
        ("[a]: 1", ["f.yaml:1:1: a key is a word, found a list"]),
        ("mode: slow\nmode: fast", ["f.yaml:2:1: mode: written twice; the first is on line 1"]),
        ("mode: slw", ['f.yaml:1:7: mode: must be one of fast, slow, "" (did you mean "slow"?)']),
        ("depth: 13", ["f.yaml:1:8: depth: must be one of 12, 24"]),
        ("ratio: 0", ["f.yaml:1:8: ratio: must be more than 0 and at most 8"]),
        ("free: -1", ["f.yaml:1:7: free: must be more than 0"]),
        ("ratio: x", ["f.yaml:1:8: ratio: expected a number, found text"]),
        ("on: [1]", ["f.yaml:1:5: on: expected one value, found a list"]),
        ("wait: 5", ['f.yaml:1:7: wait: write a duration such as 30s, 1m30s or 24h (did you mean "5s"?)']),
        ("wait: 0s", ["f.yaml:1:7: wait: must be more than 0"]),
        ("words: []", ["f.yaml:1:8: words: must not be empty"]),
        ("words: [a, b, c, d]", ["f.yaml:1:8: words: must have at most 3 entries"]),
        ("words: a", ["f.yaml:1:8: words: expected a list, found text"]),
        ("words: [a, ]\n", []),
        ("words: [a, ~]", ["f.yaml:1:12: words[1]: an empty entry"]),
        ("words: ['']", ["f.yaml:1:9: words[0]: must not be empty"]),
        (
            "words: [1]",
            ["f.yaml:1:9: words[0]: expected text, found a number; put it in quotes (did you mean \"'1'\"?)"],
        ),
        ("leaves: [{weight: 3}]", ["f.yaml:1:10: leaves[0].name: required here"]),
        ("leaves: [{name: }]", ["f.yaml:1:17: leaves[0].name: required here, and it says nothing"]),
        ("leaves: [{name: ''}]", ["f.yaml:1:17: leaves[0].name: must not be empty"]),
        ("leaves: [{name: x, weight: 10}]", ["f.yaml:1:28: leaves[0].weight: must be 1 to 9"]),
        ("leaves: [x]", ["f.yaml:1:10: leaves[0]: expected a section of keys and values, found text"]),
        ("table: [1]", ["f.yaml:1:8: table: expected names and values, found a list"]),
        ("table: {a: {name: x}, a: {name: y}}", ["f.yaml:1:23: table.a: written twice; the first is on line 1"]),
        ("table: {[a]: {name: x}}", ["f.yaml:1:9: table: expected one value, found a list"]),
        (
            "idle: {enabled: true, beyond: true}",
            ["f.yaml:1:31: idle.beyond: not supported yet by this version (0.1.0); remove it or set it to false"],
        ),
        ("watched: [{required: on}]", ["f.yaml:1:11: watched[0].path: required here"]),
        ("mask: 0644", ["f.yaml:1:7: mask: must be one of 0600, 0640"]),
        ("later: true", ["f.yaml:1:8: later: not supported yet by this version (0.1.0); remove it or set it to false"]),
        ("sink: x", ["f.yaml:1:7: sink: not supported yet by this version (0.1.0); remove it or leave it empty"]),
        (
            "closed: {a: {b: [1]}}",
            ["f.yaml:1:9: closed: not supported yet by this version (0.1.0); remove it or leave it empty"],
        ),
        (
            "require_receipts: true",
            [
                "f.yaml:1:1: require_receipts: known to the original Pipelock since 2.7, newer than what this version supports"
            ],
        ),
    ],
)
def test_what_is_said(text: str, lines: list[str]) -> None:
    _, decoder = read(text)
    assert [str(problem) for problem in decoder.problems] == lines


def test_everything_wrong_is_told_at_once_and_the_rest_is_still_read() -> None:
    top, decoder = read("mode: x\non: maybe\nwords: [b]\nleaves: [{name: ok}, {weight: 99}]\n")
    assert [problem.key for problem in decoder.problems] == ["mode", "on", "leaves[1].weight", "leaves[1].name"]
    assert top == Top(words=("b",))


def test_places_are_those_of_written_keys() -> None:
    _, decoder = read("mode: slow\nleaves:\n  - name: x\ntable: {k: {name: y}}\n")
    assert decoder.places == {
        "mode": (1, 1),
        "leaves": (2, 1),
        "leaves[0]": (3, 5),
        "leaves[0].name": (3, 5),
        "table": (4, 1),
        "table.k": (4, 9),
        "table.k.name": (4, 13),
    }
