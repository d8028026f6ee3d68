"""A small tree in which every value of a file knows its place.

What a plain scalar *means* is left to the schema, so that `no` stays text where text is wanted and is false only for a
switch. The parser that makes it is `pipelock.config.nodes`, which not every start needs.
"""

from __future__ import annotations

import msgspec

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "MappingNode",
    "Node",
    "ScalarNode",
    "SequenceNode",
    "YamlError",
]

MAX_BYTES = 4 * 1024 * 1024
MAX_NODES = 100_000
MAX_DEPTH = 32


class YamlError(Exception):
    """The text is not one document that can be used. Line and column are 1-based, 0 where there is no place."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.message = message


class ScalarNode(msgspec.Struct, frozen=True):
    """One value. `plain` is false for quoted and block text; `tag` is empty or YAML's own, without its prefix."""

    line: int
    column: int
    text: str
    plain: bool
    tag: str = ""
    weight: int = 1


class SequenceNode(msgspec.Struct):
    """A list. `weight` counts this node and everything under it, aliases followed."""

    line: int
    column: int
    items: list[Node] = []
    weight: int = 1


class MappingNode(msgspec.Struct):
    """A mapping in file order, duplicates included: telling them is the reader's business."""

    line: int
    column: int
    pairs: list[tuple[Node, Node]] = []
    weight: int = 1


Node = ScalarNode | SequenceNode | MappingNode
