"""What a known agent is granted besides: its own folders, but for what in them runs outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pipelock.contain.claims import Claim, Rank, covering, is_inside
from pipelock.contain.defaults import Preset, preset, preset_for, preset_names
from pipelock.contain.ground import Ground
from pipelock.contain.host import Kind
from pipelock.contain.profile import Access, Grant
from pipelock.contain.protect import within
from pipelock.contain.spots import absolute
from pipelock.contain.wish import PlanError
from pipelock.contain.workspace import TOO_WIDE

__all__ = ["NO_PRESET", "Own", "choose"]

NO_PRESET: Final = "none"
"""The preset that adds nothing, whatever the program is."""


def choose(name: str, program: str) -> Preset | None:
    """The preset of that name, or where none is named that of the program's base name.

    Raises:
        PlanError: There is none of that name.
    """
    if name == NO_PRESET:
        return None
    if not name:
        return preset_for(program)
    found = preset(name)
    if found is None:
        # Imported here: names are seldom wrong.
        from difflib import get_close_matches  # noqa: PLC0415

        near = get_close_matches(name[:64], preset_names(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(preset_names())} and {NO_PRESET}"
        raise PlanError(f"there is no preset {name!r}; {hint}")
    return found


class Own:
    """The files of one `preset` on one machine. `notes` are there after `claims`."""

    def __init__(self, chosen: Preset, ground: Ground) -> None:
        self.preset = chosen
        self._ground = ground
        self._host = ground.host
        self._folders = self._find_folders()
        self._files = tuple(absolute(text, self._host) for text in chosen.read)
        self._real = tuple(self._host.realpath(path) for path in (*self._folders, *self._files))
        self._why = f"what {chosen.name} does outside of the sandbox, too"
        self.notes: list[str] = []

    def _find_folders(self) -> tuple[str, ...]:
        folders = [absolute(text, self._host) for text in self.preset.write]
        moved = self._moved()
        if moved:
            folders[0] = absolute(moved, self._host)
        for folder in folders:
            real = self._host.realpath(folder)
            if real in TOO_WIDE or is_inside(self._ground.home, real) or self._ground.is_ours(real):
                named = f"{self.preset.home_variable}={moved}" if moved else folder
                raise PlanError(f"{named} is too much to be {self.preset.name}'s own")
        return tuple(folders)

    def _moved(self) -> str:
        value = self._host.environ.get(self.preset.home_variable, "") if self.preset.home_variable else ""
        return value if value.startswith("/") else ""

    def holds(self, real: str) -> bool:
        """Whether a resolved path is this agent's own."""
        return any(is_inside(real, place) for place in self._real)

    def claims(self) -> Iterator[Claim]:
        """Its folders, to be changed; below them what runs outside, and its files, to be read."""
        name = self.preset.name
        for path in self._folders:
            if not self._host.is_folder(path):
                self.notes.append(f"{path} isn't there, so what {name} keeps in it is gone at the end; make it first")
                continue
            yield Claim(path=path, access=Access.WRITE, why=f"{name}'s own files", rank=Rank.PRESET_WRITE)
            real = self._host.realpath(path)
            for below in self.preset.protect:
                yield from within(real, f"{real}/{below}", self._why, self._host)
        for path in self._files:
            if self._host.exists(path):
                yield Claim(path=path, access=Access.READ, why=f"{name}'s own files", rank=Rank.PRESET_WRITE)

    def watch(self) -> Iterator[tuple[str, str]]:
        """Paths that matter outside, with the reason: those that aren't there yet are the agent's to make."""
        for path in self._folders:
            real = self._host.realpath(path)
            if self._host.is_folder(real):
                yield from ((f"{real}/{below}", self._why) for below in self.preset.protect)

    def seeds(self, found: Mapping[str, Grant]) -> Iterator[tuple[str, str]]:
        """Files to copy in where they are missing and may be made."""
        if self._moved():
            return
        for source, target in self.preset.seeds:
            origin = absolute(source, self._host)
            place = self._host.realpath(absolute(target, self._host))
            around = covering(found, place)
            may_be_made = around is not None and around.access is Access.WRITE and not self._host.exists(place)
            if may_be_made and self._host.kind(origin) is Kind.FILE and self._host.realpath(origin) == origin:
                yield origin, place
