"""A tree of placed values to a typed section, told what to expect by the schema's own annotations.

Everything wrong is collected, not only the first thing: `Decoder.problems` holds it, and what was wrong keeps its
default so that the rest can still be looked at. What a plain scalar means depends on the key that holds it; nothing is
guessed.
"""

from __future__ import annotations

import types
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from pipelock import __version__
from pipelock.config.newer import NEWER_KEYS
from pipelock.config.nodes import MappingNode, Node, ScalarNode, SequenceNode
from pipelock.config.problems import Problem, nearest
from pipelock.config.rules import TEXT_RULES, ValueRuleError, parse_duration
from pipelock.config.scalars import (
    ScalarError,
    describe,
    is_null,
    read_bool,
    read_float,
    read_int,
    read_octal,
    read_text,
    resolve_path,
)

__all__ = ["Decoder", "FieldPlan", "field_plans"]

S = TypeVar("S", bound=msgspec.Struct)
_BAD: Final = object()
_MAX_LIST = 10_000


class FieldPlan(msgspec.Struct, frozen=True):
    """A key of a section: its name in the file, its type, and what its annotations add."""

    name: str
    attribute: str
    type: Any
    metas: tuple[Meta, ...]
    required: bool

    def extra(self, name: str) -> object:
        """An entry of the annotations' `extra`; `None` if there is none."""
        return _extra(self.metas, name)


def _extra(metas: tuple[Meta, ...], name: str) -> Any:
    return next((meta.extra[name] for meta in metas if meta.extra and name in meta.extra), None)


def _unwrap(annotation: Any) -> tuple[Any, tuple[Meta, ...]]:
    if get_origin(annotation) is Annotated:
        inner, *rest = get_args(annotation)
        return inner, tuple(meta for meta in rest if isinstance(meta, Meta))
    return annotation, ()


@cache
def field_plans(struct: type[msgspec.Struct]) -> dict[str, FieldPlan]:
    """The keys of a section by their name in the file."""
    plans = {}
    for field in msgspec.structs.fields(struct):
        inner, metas = _unwrap(field.type)
        plans[field.encode_name] = FieldPlan(field.encode_name, field.name, inner, metas, field.required)
    return plans


class Decoder:
    """Decodes one file.

    `places` maps each written key to its line and column; `base` is the directory that relative paths start at.
    `visits` counts every value looked at and bounds what aliases can make of a small file.
    """

    def __init__(self, file: str, base: Path) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.places: dict[str, tuple[int, int]] = {}
        self._base = base
        self._switched_on: list[Problem] = []

    def decode(self, root: Node, struct: type[S]) -> S:
        """The section that `root` holds; look at `problems` before using it."""
        value = self._struct(root, struct, "")
        self.problems += self._switched_on
        self._switched_on = []
        return value if isinstance(value, struct) else struct()

    def _refuse(self, node: Node, key: str, message: str, suggestion: str = "") -> object:
        self.problems.append(Problem(self.file, node.line, node.column, key, message, suggestion))
        return _BAD

    def _struct(self, node: Node, struct: type[msgspec.Struct], key: str) -> object:
        if not isinstance(node, MappingNode):
            wanted = "a section of keys and values" if key else "keys and values"
            return self._refuse(node, key, f"expected {wanted}, found {_found(node)}")
        plans = field_plans(struct)
        first_switched_on = len(self._switched_on)
        values: dict[str, object] = {}
        seen: dict[str, int] = {}
        for name_node, value_node in node.pairs:
            plan = self._key(name_node, key, seen, plans)
            if plan is None:
                continue
            value = self._field(value_node, plan, _join(key, plan.name))
            if value is not _BAD:
                values[plan.attribute] = value
        missing = [plan for plan in plans.values() if plan.required and plan.attribute not in values]
        for plan in missing:
            if plan.name not in seen:
                self._refuse(node, _join(key, plan.name), "required here")
            elif self._is_null_pair(node, plan.name):
                self._refuse(node, _join(key, plan.name), "required here, and it says nothing")
        if missing:
            return _BAD
        section = struct(**values)
        self._drop_idle(section, plans, first_switched_on)
        return section

    @staticmethod
    def _is_null_pair(node: MappingNode, name: str) -> bool:
        return any(
            isinstance(key, ScalarNode) and key.text == name and isinstance(value, ScalarNode) and is_null(value)
            for key, value in node.pairs
        )

    def _drop_idle(self, section: msgspec.Struct, plans: dict[str, FieldPlan], first: int) -> None:
        """Forget what is switched on inside a section that is itself off: it is not in force."""
        plan = plans.get("enabled")
        if plan is not None and plan.extra("switch") and not getattr(section, "enabled"):  # noqa: B009 - by schema
            del self._switched_on[first:]

    def _key(self, node: Node, parent: str, seen: dict[str, int], plans: dict[str, FieldPlan]) -> FieldPlan | None:
        if not isinstance(node, ScalarNode):
            self._refuse(node, parent, f"a key is a word, found {_found(node)}")
            return None
        name = node.text
        key = _join(parent, name)
        if name in seen:
            self._refuse(node, key, f"written twice; the first is on line {seen[name]}")
            return None
        seen[name] = node.line
        plan = plans.get(name)
        if plan is None:
            release = NEWER_KEYS.get(name)
            if release is not None:
                message = f"known to the original Pipelock since {release}, newer than what this version supports"
                self._refuse(node, key, message)
            else:
                self._refuse(node, key, "unknown key", nearest(name, plans))
            return None
        self.places[key] = (node.line, node.column)
        return plan

    def _field(self, node: Node, plan: FieldPlan, key: str) -> object:
        if isinstance(node, ScalarNode) and is_null(node):
            return _BAD
        if plan.extra("opaque") and isinstance(node, MappingNode):
            value: object = {"": ""} if node.pairs else {}
        else:
            value = self._value(node, plan.type, plan.metas, key)
        if value is not _BAD and value and plan.extra("unsupported"):
            off = "set it to false" if isinstance(value, bool) else "leave it empty"
            message = f"not supported yet by this version ({__version__}); remove it or {off}"
            self._switched_on.append(Problem(self.file, node.line, node.column, key, message))
        return value

    def _value(self, node: Node, kind: Any, metas: tuple[Meta, ...], key: str) -> object:
        origin = get_origin(kind)
        if origin in (Union, types.UnionType):
            inner, more = _unwrap(next(option for option in get_args(kind) if option is not type(None)))
            return self._value(node, inner, metas + more, key)
        if origin is tuple:
            return self._list(node, get_args(kind)[0], metas, key)
        if origin is dict:
            return self._table(node, get_args(kind), metas, key)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._struct(node, kind, key)
        if not isinstance(node, ScalarNode):
            return self._refuse(node, key, f"expected one value, found {_found(node)}")
        try:
            return self._scalar(node, kind, metas)
        except (ScalarError, ValueRuleError) as error:
            return self._refuse(node, key, str(error), error.suggestion)

    def _list(self, node: Node, item: Any, metas: tuple[Meta, ...], key: str) -> object:
        inner, item_metas = _unwrap(item)
        if isinstance(node, ScalarNode) and _extra(metas, "comma_list"):
            words = [ScalarNode(node.line, node.column, word.strip(), node.plain) for word in node.text.split(",")]
            node = SequenceNode(node.line, node.column, list(words))
        if not isinstance(node, SequenceNode):
            return self._refuse(node, key, f"expected a list, found {_found(node)}")
        try:
            _check_length(len(node.items), metas, "entries", _MAX_LIST)
        except ScalarError as error:
            return self._refuse(node, key, str(error))
        as_text = _extra(metas, "text_as")
        values = []
        for index, child in enumerate(node.items):
            place = f"{key}[{index}]"
            self.places[place] = (child.line, child.column)
            if as_text and isinstance(child, ScalarNode):
                name = ScalarNode(child.line, child.column, as_text, plain=True)
                wrapped = MappingNode(child.line, child.column, [(name, child)])
                values.append(self._value(wrapped, inner, item_metas, place))
            elif isinstance(child, ScalarNode) and is_null(child):
                self._refuse(child, place, "an empty entry")
                values.append(_BAD)
            else:
                values.append(self._value(child, inner, item_metas, place))
        return _BAD if any(value is _BAD for value in values) else tuple(values)

    def _table(self, node: Node, kinds: tuple[Any, ...], metas: tuple[Meta, ...], key: str) -> object:
        if not isinstance(node, MappingNode):
            return self._refuse(node, key, f"expected names and values, found {_found(node)}")
        try:
            _check_length(len(node.pairs), metas, "entries", _MAX_LIST)
        except ScalarError as error:
            return self._refuse(node, key, str(error))
        (name_kind, name_metas), (kind, value_metas) = (_unwrap(kind) for kind in kinds)
        values: dict[object, object] = {}
        for name_node, child in node.pairs:
            name = self._value(name_node, name_kind, name_metas, key)
            if name is _BAD:
                continue
            place = f"{key}.{name}"
            self.places[place] = (name_node.line, name_node.column)
            if name in values:
                self._refuse(name_node, place, "written twice")
            values[name] = self._value(child, kind, value_metas, place)
        return _BAD if any(value is _BAD for value in values.values()) else values

    def _scalar(self, node: ScalarNode, kind: Any, metas: tuple[Meta, ...]) -> object:
        rule = _extra(metas, "rule")
        if get_origin(kind) is Literal:
            return _choice(node, get_args(kind))
        if kind is bool:
            return read_bool(node)
        if kind is int:
            if not _extra(metas, "octal"):
                return _in_range(read_int(node), metas)
            mode, choices = read_octal(node), _extra(metas, "choices")
            if mode not in choices:
                raise ScalarError("must be one of " + ", ".join(f"0{choice:o}" for choice in choices))
            return mode
        if kind is float:
            return _in_range(parse_duration(node.text) if rule == "duration" else read_float(node), metas)
        text = read_text(node)
        _check_length(len(text), metas, "characters", None)
        if rule == "path":
            return resolve_path(text, self._base)
        return TEXT_RULES[rule](text) if rule else text


def _join(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name


def _found(node: Node) -> str:
    match node:
        case SequenceNode():
            return "a list"
        case MappingNode():
            return "keys and values"
        case ScalarNode():
            return describe(node)


def _choice(node: ScalarNode, choices: tuple[Any, ...]) -> object:
    words = {str(choice): choice for choice in choices}
    if node.text in words and (node.text or not is_null(node)):
        return words[node.text]
    shown = ", ".join(word or '""' for word in words)
    raise ScalarError(f"must be one of {shown}", nearest(node.text, [word for word in words if word]))


def _in_range(value: float, metas: tuple[Meta, ...]) -> float:
    """Check every bound at once, so that the message can name the whole range."""
    low = next((meta.ge for meta in metas if meta.ge is not None), None)
    above = next((meta.gt for meta in metas if meta.gt is not None), None)
    high = next((meta.le for meta in metas if meta.le is not None), None)
    if (low is None or value >= low) and (above is None or value > above) and (high is None or value <= high):
        return value
    bound = f"more than {above:g}" if above is not None else f"at least {low}"
    if high is None:
        raise ScalarError(f"must be {bound}")
    raise ScalarError(f"must be {bound} and at most {high}" if above is not None else f"must be {low} to {high}")


def _check_length(length: int, metas: tuple[Meta, ...], unit: str, limit: int | None) -> None:
    least = next((meta.min_length for meta in metas if meta.min_length is not None), 0)
    limits = [meta.max_length for meta in metas if meta.max_length is not None]
    most = min(limits) if limits else (limit or 4096)
    if length < least:
        raise ScalarError("must not be empty" if least == 1 else f"must have at least {least} {unit}")
    if length > most:
        raise ScalarError(f"must have at most {most} {unit}")
