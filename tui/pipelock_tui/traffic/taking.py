"""Rows that are taken elsewhere: into the clipboard, or into a file."""

from __future__ import annotations

import asyncio

from pipelock.model import Kind, Record
from pipelock_tui.dialogs.menu import Menu
from pipelock_tui.files import save
from pipelock_tui.traffic.exchange import Exchange
from pipelock_tui.traffic.export import FORMATS, curl_command, exported, file_name
from pipelock_tui.views import View

__all__ = ["Taking"]

_WORDS = {"curl": "a curl command", "har": "an HTTP archive (HAR)", "json": "the records as JSON"}


class Taking:
    """What `traffic.copy` and `traffic.export` do, for one view."""

    def __init__(self, view: View) -> None:
        self._view = view

    def copy(self, record: Record | None) -> None:
        """Hand the row to the terminal's clipboard as a curl command."""
        if record is None:
            return
        if record.action.kind is not Kind.REQUEST:
            self._view.shell.say("Only requests make a curl command; x writes the row as JSON.", "warning")
            return
        self._view.app.copy_to_clipboard(curl_command(record))
        self._view.shell.say("Copied as a curl command, if your terminal lets programs copy. Secrets are masked.")

    def export(self, exchange: Exchange | None, form: str) -> None:
        """Write the row to a file under the home's `exports`; without `form` ask in which format."""
        if exchange is None:
            return
        if form:
            self._write(exchange, form)
            return

        def take(place: int | None) -> None:
            if place is not None:
                self._write(exchange, FORMATS[place])

        shell = self._view.shell
        choices = tuple(f"As {_WORDS[form]}, secrets masked." for form in FORMATS)
        shell.cover(Menu(" WRITE THIS ROW TO A FILE? ", choices, shell.clock.monotonic), take)

    def _write(self, exchange: Exchange, form: str) -> None:
        shell = self._view.shell
        record = exchange.request or exchange.chosen
        if form not in FORMATS:
            shell.say(f'no format is called "{form}"; there are {", ".join(FORMATS)}', "error")
        elif form != "json" and record.action.kind is not Kind.REQUEST:
            shell.say("Only requests can be written as curl or HAR; JSON takes any row.", "warning")
        else:
            shell.start(self._save(exchange, record, form), "export")

    async def _save(self, exchange: Exchange, record: Record, form: str) -> None:
        shell = self._view.shell
        response = exchange.response if exchange.response is not record else None
        folder = shell.home / "exports"
        try:
            path = await asyncio.to_thread(save, folder, file_name(record, form), exported(record, response, form))
        except OSError as error:
            shell.say(f"Not written to {folder}: {error.strerror or error}", "error")
        else:
            shell.say(f"Written to {path}. Secrets are masked; only you can read it.")
