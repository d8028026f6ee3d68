"""What every claim of one plan is held against: where the home is, what is ours, where there are secrets."""

from __future__ import annotations

from collections.abc import Iterator

from pipelock.contain.claims import is_inside
from pipelock.contain.defaults import places
from pipelock.contain.host import Host
from pipelock.contain.spots import absolute, expanded
from pipelock.contain.workspace import why_not

__all__ = ["Ground"]


class Ground:
    """The lie of the land.

    Attributes:
        host: The machine.
        home: Resolved.
        folder: Where relative paths start, resolved.
        hidden: Our own places, resolved.
        secrets: Pairs of a resolved place and what is there.
    """

    def __init__(self, host: Host, folder: str, hidden: tuple[str, ...]) -> None:
        self.host = host
        self.home = host.realpath(host.home)
        self.folder = host.realpath(absolute(folder, host))
        self.hidden = tuple(sorted({host.realpath(absolute(path, host)) for path in hidden}))
        self._named: set[str] = set()
        self.secrets = tuple(self._find_secrets())

    def _find_secrets(self) -> Iterator[tuple[str, str]]:
        for row in places().secrets:
            for path in expanded(row, self.host):
                if self.host.exists(path):
                    self._named.add(path)
                    yield self.host.realpath(path), row.why

    def absolute(self, text: str) -> str:
        """A path as somebody wrote it, made absolute; links are not resolved."""
        return absolute(text, self.host, self.folder)

    def is_ours(self, real: str) -> bool:
        """Whether a resolved path is Pipelock's."""
        return any(is_inside(real, place) for place in self.hidden)

    def secret_at(self, real: str) -> str:
        """What secret a resolved path holds or lies in; empty for none."""
        return next((why for place, why in self.secrets if is_inside(real, place)), "")

    def is_named_secret(self, path: str) -> bool:
        """Whether a path, as it is written, says that it leads to a secret."""
        return any(is_inside(path, place) for place in self._named)

    def why_not(self, real: str) -> str:
        """Why a resolved folder can't be written to as a whole; empty where it can."""
        return why_not(real, self.host, self.hidden, self.secrets)
