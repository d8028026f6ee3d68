from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from pipelock.config.plans import Kind, field_plans, paths_of, section_of, unwrap


class Inner(msgspec.Struct):
    word: str = ""


class Outer(msgspec.Struct):
    needed: Annotated[Annotated[str, Meta(max_length=3, extra={"rule": "a"})], Meta(extra={"rule": "b"})]
    class_: str = msgspec.field(default="", name="class")
    inner: Inner = msgspec.field(default_factory=Inner)
    maybe: Annotated[str, Meta(max_length=9)] | None = None


def test_annotations_are_taken_apart() -> None:
    plan = field_plans(Outer)["needed"]
    assert plan.kind.type is str
    assert plan.required
    assert [meta.max_length for meta in plan.kind.metas] == [3, None]
    assert plan.kind.note("rule") == "b"
    assert plan.kind.note("other") is None


def test_keys_are_named_as_in_the_file() -> None:
    assert list(field_plans(Outer)) == ["needed", "class", "inner", "maybe"]
    assert field_plans(Outer)["class"].attribute == "class_"


def test_null_counts_as_absence() -> None:
    assert unwrap(str | None) == Kind(str)
    maybe = field_plans(Outer)["maybe"].kind
    assert maybe.type is str
    assert maybe.metas[0].max_length == 9


def test_sections() -> None:
    assert section_of(field_plans(Outer)["inner"].kind) is Inner
    assert section_of(Kind(str)) is None
    assert section_of(Kind(tuple[str, ...])) is None


def test_where_a_key_belongs() -> None:
    assert list(paths_of(Outer, "word")) == ["inner.word"]
    assert list(paths_of(Outer, "class")) == ["class"]
    assert list(paths_of(Outer, "nothing")) == []
