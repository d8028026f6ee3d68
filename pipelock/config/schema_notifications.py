"""Section `notifications`: telling a person elsewhere that something waits. Ours."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from pipelock.config.kinds import FilePath, Switch

__all__ = ["DesktopNotes", "Notifications", "Webhook"]

Url = Annotated[str, Meta(max_length=2048, extra={"rule": "line"})]


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A signed message for each held request, and signed answers back.

    Attributes:
        url: Where to: `https`, or `http` on this machine. Empty is off.
        secret: What both sides sign with; at least 16 characters. `PIPELOCK_WEBHOOK_SECRET` wins over it.
        secret_file: A file that holds it, readable by the user alone.
        answers: Take answers at `POST /api/v1/answers`.
        answer_url: What the message says about where answers go; empty: the admin API's own address.
        allow_scopes: Answers may cover more than what is shown, and hold for longer than once, but not for good.
    """

    url: Url = ""
    secret: Annotated[str, Meta(max_length=4096, extra={"rule": "line"})] = ""
    secret_file: FilePath = ""
    answers: bool = False
    answer_url: Url = ""
    allow_scopes: bool = False


class DesktopNotes(msgspec.Struct, frozen=True, kw_only=True):
    """Notes of the desktop, by `notify-send` or macOS's `osascript`."""

    enabled: Switch = False


class Notifications(msgspec.Struct, frozen=True, kw_only=True):
    """Where a person is told that something waits, besides the dashboard."""

    webhook: Webhook = Webhook()
    desktop: DesktopNotes = DesktopNotes()
