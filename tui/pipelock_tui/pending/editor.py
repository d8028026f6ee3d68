"""A body in the operator's editor. The terminal is the editor's meanwhile; the dashboard goes on listening."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol

from textual.app import App, SuspendNotSupported

from pipelock.model import MAX_EDIT
from pipelock_tui.files import remove, scratch

__all__ = ["EditError", "Editor", "TerminalEditor", "command_of", "ending_of", "folder_of"]

_ENDINGS = (("json", ".json"), ("xml", ".xml"), ("html", ".html"), ("yaml", ".yaml"), ("urlencoded", ".txt"))


class EditError(Exception):
    """The body could not be changed; the message says why and that nothing was sent."""


class Editor(Protocol):
    """Whoever lets a person change a text."""

    async def __call__(self, body: bytes, content_type: str) -> bytes:
        """The changed body. Raises `EditError`."""


def command_of(environ: Mapping[str, str]) -> list[str]:
    """The editor's command line: VISUAL, else EDITOR, else vi.

    Raises:
        EditError: It can't be read as a command.
    """
    chosen = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    try:
        words = shlex.split(chosen)
    except ValueError as error:
        raise EditError(f"EDITOR can't be read as a command ({error}); nothing was sent") from error
    return words or ["vi"]


def ending_of(content_type: str) -> str:
    """An ending by which an editor knows what it is."""
    return next((ending for word, ending in _ENDINGS if word in content_type.casefold()), ".txt")


def folder_of(environ: Mapping[str, str]) -> Path | None:
    """Where the file is made: the body is not masked, and in the user's folder in memory it never reaches a disk."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    return Path(runtime) if runtime and Path(runtime).is_dir() else None


class TerminalEditor:
    """Runs $EDITOR in the dashboard's terminal, on a file for this user only that is removed afterwards."""

    def __init__(self, app: App[None], environ: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._environ = os.environ if environ is None else environ

    async def __call__(self, body: bytes, content_type: str) -> bytes:
        """See `Editor`."""
        command = command_of(self._environ)
        path: Path | None = None
        try:
            path = scratch(body, ending_of(content_type), folder_of(self._environ))
            with self._terminal(), _interruptible():
                process = await asyncio.create_subprocess_exec(*command, str(path))
                status = await process.wait()
            if status:
                raise EditError(f"{command[0]} ended with status {status}; nothing was sent")
            return _read(path)
        except SuspendNotSupported as error:
            raise EditError("this terminal can't be handed to an editor; nothing was sent") from error
        except OSError as error:
            raise EditError(f"{command[0]}: {error.strerror or error}; nothing was sent") from error
        finally:
            if path is not None:
                remove(path)

    @contextmanager
    def _terminal(self) -> Iterator[None]:
        """Hand the terminal over: no input is read and, although events still come, nothing is drawn."""
        drawing: AbstractContextManager[None] = self._app.batch_update()
        with self._app.suspend(), drawing:
            yield
        self._app.refresh(layout=True)


def _read(path: Path) -> bytes:
    """What the editor left; some put a new file in the old one's place."""
    with path.open("rb") as file:
        changed = file.read(MAX_EDIT + 1)
    if len(changed) > MAX_EDIT:
        raise EditError(f"the changed body is longer than {MAX_EDIT} bytes; nothing was sent")
    return changed


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let ctrl+c reach the editor and not end the dashboard. A handler, unlike being ignored, is not inherited."""

    def nothing(number: int, frame: FrameType | None) -> None:
        """The editor gets it too, and it is for the editor."""

    before = signal.signal(signal.SIGINT, nothing)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
