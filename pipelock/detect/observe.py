"""How a judgement is watched by whoever explains it. It can't be changed that way."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Observer"]


class Observer(Protocol):
    """Is told of each layer that has looked; what was found is in the decision. Keeps time, if it wants to."""

    def looked(self, layer: str) -> None:
        """Layer `layer` is done."""
        ...
