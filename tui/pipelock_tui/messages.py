"""What the parts of the dashboard tell each other."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from pipelock.query import Filter

__all__ = ["Beyond", "FilterChanged", "FilterClosed", "Opened"]


@dataclass
class Beyond(Message):
    """The operator wants to see what is older than the list's oldest row."""


@dataclass
class FilterChanged(Message):
    """A filter was typed that can be read."""

    wanted: Filter


@dataclass
class FilterClosed(Message):
    """The filter line was left."""


@dataclass
class Opened(Message):
    """The operator moved to, or asked for the detail of, the row at the list's cursor."""

    shown: bool
