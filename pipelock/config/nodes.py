"""YAML text to the tree of `pipelock.config.tree`.

PyYAML parses (YAML 1.1 syntax, libyaml where it was built); what a plain scalar *means* is left to the schema, so that
`no` stays text where text is wanted and is false only for a switch. Limits: 4 MiB of text, 100 000 nodes after aliases
are followed, 32 levels. One document, no merge keys, no tags but YAML's own.
"""

from __future__ import annotations

from typing import Protocol

import yaml

from pipelock.config.tree import MAX_BYTES, MAX_DEPTH, MAX_NODES, MappingNode, Node, ScalarNode, SequenceNode, YamlError

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "MappingNode",
    "Node",
    "ScalarNode",
    "SequenceNode",
    "YamlError",
    "parse",
]

_STANDARD = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset(_STANDARD + name for name in ("str", "int", "float", "bool", "null"))
_Loader: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Mark(Protocol):
    """What the two parsers' marks have in common: 0-based, in characters."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _Builder:
    """Turns the parser's events into a tree; `feed` one at a time."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[SequenceNode | MappingNode] = []
        self._keys: list[Node | None] = []
        self._anchors: dict[str, Node] = {}
        self._names: list[str | None] = []
        self._documents = 0
        self._made = 0

    def feed(self, event: yaml.Event) -> None:
        line, column = _place(event.start_mark)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise YamlError(line, column, "multiple YAML documents are not supported: one file, one document")
            case yaml.ScalarEvent():
                self._add(ScalarNode(line, column, event.value, *_style(event, line, column)), event.anchor)
            case yaml.SequenceStartEvent():
                _check_tag(event.tag, _STANDARD + "seq", line, column)
                self._start(SequenceNode(line, column), event.anchor)
            case yaml.MappingStartEvent():
                _check_tag(event.tag, _STANDARD + "map", line, column)
                self._start(MappingNode(line, column), event.anchor)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                node, name = self._open.pop(), self._names.pop()
                self._keys.pop()
                self._add(node, name)
            case yaml.AliasEvent():
                self._alias(event.anchor or "", line, column)

    def _alias(self, name: str, line: int, column: int) -> None:
        target = self._anchors.get(name)
        if target is None:
            # Also what an anchor that contains itself comes to: it is complete only at its own end.
            raise YamlError(line, column, f"alias *{name} names no anchor that is complete before it")
        self._add(target, None)

    def _start(self, node: SequenceNode | MappingNode, anchor: str | None) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise YamlError(node.line, node.column, f"nested deeper than {MAX_DEPTH} levels")
        self._open.append(node)
        self._names.append(anchor)
        self._keys.append(None)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.weight += node.weight
        self._made += 1
        if max(parent.weight, self._made) > MAX_NODES:
            raise YamlError(node.line, node.column, f"more than {MAX_NODES} values (aliases count each time)")
        if isinstance(parent, SequenceNode):
            parent.items.append(node)
        elif (key := self._keys[-1]) is None:
            if isinstance(node, ScalarNode) and node.plain and node.text == "<<":
                raise YamlError(node.line, node.column, "merge keys (<<) are not supported: write the values out")
            self._keys[-1] = node
        else:
            parent.pairs.append((key, node))
            self._keys[-1] = None


def _place(mark: _Mark | None) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)


def _style(event: yaml.ScalarEvent, line: int, column: int) -> tuple[bool, str]:
    """Whether the scalar is plain, and its short tag if it carries one."""
    plain = event.style in (None, "")  # the two parsers name it differently
    if event.tag is None:
        return plain, ""
    if event.tag == "!":
        return False, ""  # "not resolved by its looks": text (YAML 1.2.2 §6.9.1)
    if event.tag not in _SCALAR_TAGS:
        _check_tag(event.tag, "", line, column)
    return plain, event.tag.removeprefix(_STANDARD)


def _check_tag(tag: str | None, allowed: str, line: int, column: int) -> None:
    if tag is not None and tag not in ("!", allowed):
        shown = "!!" + tag.removeprefix(_STANDARD) if tag.startswith(_STANDARD) else tag
        raise YamlError(line, column, f"tag {shown} is not supported: write the value plainly")


def parse(text: str) -> Node | None:
    """Parse one document; `None` for one that is empty or null.

    Raises:
        YamlError: not YAML, over a limit, or a feature that is not supported.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise YamlError(0, 0, f"the file is larger than {MAX_BYTES} bytes")
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.feed(event)
    except yaml.MarkedYAMLError as error:
        raise YamlError(
            *_place(error.problem_mark or error.context_mark), f"not valid YAML: {error.problem or error.context}"
        ) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise YamlError(0, 0, f"not valid YAML: {error}") from error
    root = builder.root
    if isinstance(root, ScalarNode) and root.plain and root.text in ("", "~", "null"):
        return None
    return root
