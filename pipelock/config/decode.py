"""A tree of placed values to a typed section, told what to expect by the schema's own annotations.

Everything wrong is collected, not only the first thing: `Decoder.problems` holds it, and what was wrong keeps its
default so that the rest can still be looked at. What a plain scalar means depends on the key that holds it; nothing is
guessed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeVar, get_args, get_origin

import msgspec

from pipelock import __version__
from pipelock.config.bounds import check_length, choose, in_range
from pipelock.config.newer import NEWER_KEYS
from pipelock.config.plans import FieldPlan, Kind, field_plans, paths_of, section_of, unwrap
from pipelock.config.problems import MAX_PROBLEMS, Problem, nearest
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
from pipelock.config.tree import MappingNode, Node, ScalarNode, SequenceNode

__all__ = ["Decoder"]

S = TypeVar("S", bound=msgspec.Struct)
_BAD: Final = object()
_MAX_ENTRIES = 10_000


class Decoder:
    """Decodes one file.

    `places` maps each key that says something (null says nothing) to its line and column; `base` is the directory
    that relative paths start at.
    """

    def __init__(self, file: str, base: Path) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.places: dict[str, tuple[int, int]] = {}
        self._base = base
        self._switched_on: list[Problem] = []
        self._root: type[msgspec.Struct] | None = None

    def decode(self, root: Node, struct: type[S]) -> S:
        """The section that `root` holds, its defaults where it holds none; look at `problems` before using it."""
        self._root = struct
        value = self._section(root, struct, "")
        self.problems += self._switched_on
        self._switched_on = []
        return value if isinstance(value, struct) else struct()

    def _refuse(self, node: Node, key: str, message: str, suggestion: str = "") -> object:
        self.problems.append(Problem(self.file, node.line, node.column, key, message, suggestion))
        return _BAD

    def _section(self, node: Node, struct: type[msgspec.Struct], key: str) -> object:
        if not isinstance(node, MappingNode):
            wanted = "a section of keys and values" if key else "keys and values"
            return self._refuse(node, key, f"expected {wanted}, found {_found(node)}")
        plans = field_plans(struct)
        idle_from = len(self._switched_on)
        values: dict[str, object] = {}
        seen: dict[str, tuple[Node, Node]] = {}
        for name_node, value_node in node.pairs:
            plan = self._key(name_node, key, seen, plans)
            if plan is not None:
                seen[plan.name] = name_node, value_node
                if isinstance(value_node, ScalarNode) and is_null(value_node):
                    continue  # as if it were not written
                self.places[_join(key, plan.name)] = (name_node.line, name_node.column)
                value = self._field(value_node, plan, _join(key, plan.name))
                if value is not _BAD:
                    values[plan.attribute] = value
        missing = [plan.name for plan in plans.values() if plan.required and plan.attribute not in values]
        for name in missing:
            self._require(seen.get(name, (None, None))[1], node, _join(key, name))
        if missing:
            return _BAD
        section = struct(**values)
        self._drop_idle(section, plans, idle_from)
        return section

    def _require(self, written: Node | None, section: Node, key: str) -> None:
        if written is None:
            self._refuse(section, key, "required here")
        elif isinstance(written, ScalarNode) and is_null(written):
            self._refuse(written, key, "required here, and it says nothing")

    def _drop_idle(self, section: msgspec.Struct, plans: dict[str, FieldPlan], first: int) -> None:
        """Forget what is switched on inside a section that is itself off: it is not in force."""
        plan = plans.get("enabled")
        if plan is not None and plan.kind.note("switch") and not getattr(section, plan.attribute):
            del self._switched_on[first:]

    def _key(
        self, node: Node, parent: str, seen: dict[str, tuple[Node, Node]], plans: dict[str, FieldPlan]
    ) -> FieldPlan | None:
        if not isinstance(node, ScalarNode):
            self._refuse(node, parent, f"a key is a word, found {_found(node)}")
            return None
        key = _join(parent, node.text)
        plan = plans.get(node.text)
        if node.text in seen:
            self._refuse(node, key, f"written twice; the first is on line {seen[node.text][0].line}")
            return None
        if plan is not None:
            return plan
        self._unknown(node, key, plans)
        return None

    def _unknown(self, node: ScalarNode, key: str, plans: dict[str, FieldPlan]) -> None:
        if len(self.problems) >= MAX_PROBLEMS:
            # Nobody will read it, and looking for what was meant costs more than all the rest.
            self._refuse(node, key, "unknown key")
            return
        near = nearest(node.text, plans)
        elsewhere = list(paths_of(self._root, node.text)) if self._root is not None else []
        if near or len(elsewhere) == 1:
            self._refuse(node, key, "unknown key", near or elsewhere[0])
        elif release := NEWER_KEYS.get(node.text):
            message = f"known to the original Pipelock since {release}, newer than what this version supports"
            self._refuse(node, key, message)
        else:
            self._refuse(node, key, "unknown key")

    def _field(self, node: Node, plan: FieldPlan, key: str) -> object:
        if plan.kind.note("opaque"):
            value: object = {} if isinstance(node, MappingNode) and not node.pairs else {"": ""}
        else:
            value = self._value(node, plan.kind, key)
        if value is not _BAD and value and plan.kind.note("unsupported"):
            off = " or set it to false" if isinstance(value, bool) else " or leave it empty"
            message = f"not supported yet by this version ({__version__}); remove it{off}"
            self._switched_on.append(Problem(self.file, node.line, node.column, key, message))
        return value

    def _value(self, node: Node, kind: Kind, key: str) -> object:
        section = section_of(kind)
        try:
            if section is not None:
                return self._section(_as_section(node, kind), section, key)
            if get_origin(kind.type) is tuple:
                return self._list(node, kind, key)
            if get_origin(kind.type) is dict:
                return self._table(node, kind, key)
            if isinstance(node, ScalarNode):
                return self._scalar(node, kind)
        except (ScalarError, ValueRuleError) as error:
            return self._refuse(node, key, str(error), error.suggestion)
        return self._refuse(node, key, f"expected one value, found {_found(node)}")

    def _list(self, node: Node, kind: Kind, key: str) -> object:
        if isinstance(node, ScalarNode) and kind.note("comma_list"):
            words = [ScalarNode(node.line, node.column, word.strip(), node.plain) for word in node.text.split(",")]
            node = SequenceNode(node.line, node.column, list(words))
        if not isinstance(node, SequenceNode):
            return self._refuse(node, key, f"expected a list, found {_found(node)}")
        check_length(len(node.items), kind.metas, "entries", _MAX_ENTRIES)
        item = unwrap(get_args(kind.type)[0])
        values = []
        for index, child in enumerate(node.items):
            place = f"{key}[{index}]"
            self.places[place] = (child.line, child.column)
            if isinstance(child, ScalarNode) and is_null(child):
                values.append(self._refuse(child, place, "an empty entry"))
            else:
                values.append(self._value(child, item, place))
        return _BAD if any(value is _BAD for value in values) else tuple(values)

    def _table(self, node: Node, kind: Kind, key: str) -> object:
        if not isinstance(node, MappingNode):
            return self._refuse(node, key, f"expected names and values, found {_found(node)}")
        check_length(len(node.pairs), kind.metas, "entries", _MAX_ENTRIES)
        name_kind, value_kind = (unwrap(argument) for argument in get_args(kind.type))
        values: dict[object, object] = {}
        for name_node, child in node.pairs:
            name = self._value(name_node, name_kind, key)
            place = f"{key}.{name}"
            if name is _BAD:
                continue
            if name in values:
                self._refuse(name_node, place, f"written twice; the first is on line {self.places[place][0]}")
                continue
            self.places[place] = (name_node.line, name_node.column)
            values[name] = self._value(child, value_kind, place)
        return _BAD if any(value is _BAD for value in values.values()) else values

    def _scalar(self, node: ScalarNode, kind: Kind) -> object:
        """One value. Raises ScalarError or ValueRuleError for what does not fit."""
        rule = kind.note("rule")
        if get_origin(kind.type) is Literal:
            value: object = choose(node, get_args(kind.type))
        elif kind.type is bool:
            value = read_bool(node)
        elif kind.type is int:
            value = _file_mode(node, kind) if kind.note("octal") else in_range(read_int(node), kind.metas)
        elif kind.type is float:
            value = in_range(parse_duration(node.text) if rule == "duration" else read_float(node), kind.metas)
        else:
            text = read_text(node)
            check_length(len(text), kind.metas, "characters")
            value = self._text(text, rule)
        return value

    def _text(self, text: str, rule: object) -> str:
        if rule == "path":
            return resolve_path(text, self._base)
        return TEXT_RULES[rule](text) if isinstance(rule, str) else text


def _file_mode(node: ScalarNode, kind: Kind) -> int:
    mode, choices = read_octal(node), kind.note("choices")
    if isinstance(choices, tuple) and mode not in choices:
        raise ScalarError("must be one of " + ", ".join(f"0{choice:o}" for choice in choices))
    return mode


def _as_section(node: Node, kind: Kind) -> Node:
    """A section whose first key may stand for the whole: text becomes `{that key: text}`."""
    short = kind.note("short_for")
    if not isinstance(short, str) or not isinstance(node, ScalarNode):
        return node
    return MappingNode(node.line, node.column, [(ScalarNode(node.line, node.column, short, plain=True), node)])


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
