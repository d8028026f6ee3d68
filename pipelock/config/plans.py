"""What the schema's annotations say about each key, worked out once for each section."""

from __future__ import annotations

import types
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Union, get_args, get_origin

import msgspec
from msgspec import Meta

__all__ = ["FieldPlan", "Kind", "field_plans", "paths_of", "section_of", "unwrap"]


class Kind(msgspec.Struct, frozen=True):
    """A type without its annotations, and the annotations. `X | None` counts as `X`: null is absence."""

    type: object
    metas: tuple[Meta, ...] = ()

    def note(self, name: str) -> object:
        """An entry of the annotations' `extra`, the outermost wins; `None` if there is none."""
        return next((meta.extra[name] for meta in reversed(self.metas) if meta.extra and name in meta.extra), None)


class FieldPlan(msgspec.Struct, frozen=True):
    """A key of a section: its name in the file, the attribute that holds it, and what it may hold."""

    name: str
    attribute: str
    kind: Kind
    required: bool


def unwrap(annotation: object) -> Kind:
    """Take an annotation apart."""
    metas: tuple[Meta, ...] = ()
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *rest = get_args(annotation)
            metas += tuple(meta for meta in rest if isinstance(meta, Meta))
        elif get_origin(annotation) in (Union, types.UnionType):
            annotation = next(option for option in get_args(annotation) if option is not type(None))
        else:
            return Kind(annotation, metas)


def paths_of(struct: type[msgspec.Struct], name: str, prefix: str = "") -> Iterator[str]:
    """Where in `struct` a key of this name belongs, entries of lists and tables left out."""
    for plan in field_plans(struct).values():
        section = section_of(plan.kind)
        if plan.name == name:
            yield prefix + name
        if section is not None:
            yield from paths_of(section, name, f"{prefix}{plan.name}.")


@cache
def field_plans(struct: type[msgspec.Struct]) -> dict[str, FieldPlan]:
    """The keys of a section by their name in the file."""
    return {
        field.encode_name: FieldPlan(field.encode_name, field.name, unwrap(field.type), field.required)
        for field in msgspec.structs.fields(struct)
    }


def section_of(kind: Kind) -> type[msgspec.Struct] | None:
    """The section a key holds, `None` if it holds a value."""
    if isinstance(kind.type, type) and issubclass(kind.type, msgspec.Struct):
        return kind.type
    return None
