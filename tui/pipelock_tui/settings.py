"""The operator's own file, `dashboard.yaml`: theme, first view, keys. What can't be read is told, and defaults hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pipelock_tui.reading import UnreadableError, read_small

__all__ = ["FILE", "MAX_FILE", "Settings", "parse", "read"]

FILE = "dashboard.yaml"
"""Its name, in pipelock's home."""
MAX_FILE = 65_536
"""Longest file, in bytes."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says.

    Attributes:
        theme: Name of a theme; empty for what fits the terminal.
        start: Name of the view that is shown first; empty for the overview.
        notify: Whether the terminal is told of a new prompt while the dashboard has not the focus.
        keys: By id of the action, its keys as they were typed.
        lines: By id of the action, the line where they stand, from 1.
        problems: What could not be read, with the line.
    """

    theme: str = ""
    start: str = ""
    notify: bool = False
    keys: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read(path: Path) -> Settings:
    """Read the file; one that is not there says nothing."""
    try:
        data = read_small(path, MAX_FILE)
    except FileNotFoundError:
        return Settings()
    except UnreadableError as error:
        return Settings(problems=(str(error),))
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Settings(problems=(f"{path} is not UTF-8",))
    return parse(text, path.name)


def parse(text: str, name: str = FILE) -> Settings:
    """Read the text of such a file; `name` is what problems call it."""
    import yaml  # noqa: PLC0415 - most operators have no such file, and the start is measured

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark is not None else ""
        return Settings(problems=(f"{name}{where} {getattr(error, 'problem', None) or 'not readable as YAML'}",))
    except RecursionError:
        return Settings(problems=(f"{name} is nested too deeply",))
    reader = _Reader(name)
    if root is not None:
        reader.pairs(
            root, "", {"theme": reader.theme, "start": reader.start, "notify": reader.notify, "keys": reader.keys}
        )
    return Settings(
        reader.words.get("theme", ""),
        reader.words.get("start", ""),
        reader.notified,
        reader.chosen,
        reader.lines,
        tuple(reader.problems),
    )


class _Reader:
    """Walks through the nodes and notes what is there and what is wrong."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.words: dict[str, str] = {}
        self.notified = False
        self.chosen: dict[str, str] = {}
        self.lines: dict[str, int] = {}
        self.problems: list[str] = []

    def pairs(self, node: object, key: str, known: dict[str, Callable[[object], None]]) -> None:
        """A mapping with these keys."""
        import yaml  # noqa: PLC0415 - as above

        if not isinstance(node, yaml.MappingNode):
            self.problem(node, f"{key or 'the file'} must be a mapping")
            return
        for name, value in node.value:
            take = known.get(str(name.value)) if isinstance(name, yaml.ScalarNode) else None
            if take is None:
                self.problem(name, f"{getattr(name, 'value', '')!s} is unknown; there are {', '.join(known)}")
            else:
                take(value)

    def theme(self, node: object) -> None:
        """Name of a theme."""
        from pipelock_tui.themes import WORDS  # noqa: PLC0415 - reading the file must not load the screen

        self._word(node, "theme", WORDS)

    def start(self, node: object) -> None:
        """Name of a view."""
        from pipelock_tui.catalogue import PLACES  # noqa: PLC0415 - likewise

        self._word(node, "start", tuple(place.name for place in PLACES))

    def notify(self, node: object) -> None:
        """True or false."""
        value = self._scalar(node)
        if value not in {"true", "false"}:
            self.problem(node, "notify must be true or false")
        self.notified = value == "true"

    def keys(self, node: object) -> None:
        """Ids of actions with their keys."""
        import yaml  # noqa: PLC0415 - as above

        if not isinstance(node, yaml.MappingNode):
            self.problem(node, "keys must be a mapping of actions to keys")
            return
        for name, value in node.value:
            action, typed = self._scalar(name), self._scalar(value)
            if action is None or typed is None:
                self.problem(name, "keys: an action and its keys are words")
                continue
            self.chosen[action] = typed
            self.lines[action] = name.start_mark.line + 1

    def problem(self, node: object, words: str) -> None:
        """Note what is wrong, with its line."""
        mark = getattr(node, "start_mark", None)
        line = f" line {mark.line + 1}:" if mark is not None else ""
        self.problems.append(f"{self._name}{line} {words}")

    def _word(self, node: object, key: str, known: tuple[str, ...]) -> None:
        value = self._scalar(node)
        if value in known:
            self.words[key] = str(value)
        else:
            self.problem(node, f"{key} must be one of {', '.join(known)}")

    def _scalar(self, node: object) -> str | None:
        import yaml  # noqa: PLC0415 - as above

        return str(node.value) if isinstance(node, yaml.ScalarNode) else None
