"""From a file's bytes to its YAML tree, whatever the file is for."""

from __future__ import annotations

from pipelock.config.problems import ConfigError, Problem
from pipelock.config.tree import MAX_BYTES, Node, YamlError

__all__ = ["read_tree"]


def read_tree(data: bytes, name: str) -> Node | None:
    """The tree of a file that problems call `name`; `None` where it says nothing.

    Raises:
        ConfigError: it is larger than 4 MiB, not UTF-8 or not YAML.
    """
    # Imported here: without a file there is no YAML to parse, and `check` should start fast.
    from pipelock.config.nodes import parse  # noqa: PLC0415

    if len(data) > MAX_BYTES:
        raise ConfigError([Problem(name, 0, 0, "", f"larger than {MAX_BYTES} bytes")])
    try:
        return parse(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(name, line, 1, "", "not UTF-8 text")]) from error
    except YamlError as error:
        raise ConfigError([Problem(name, error.line, error.column, "", error.message)]) from error
