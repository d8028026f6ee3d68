"""From what happens to who is told: each held request once when it comes, and once when it is over."""

from __future__ import annotations

from collections.abc import Callable

from pipelock.model import Event, Held, Released
from pipelock.notify.desktop import Desktop
from pipelock.notify.message import brief, closed_message, held_message
from pipelock.notify.webhook import Webhook

__all__ = ["MAX_TOLD", "Center"]

MAX_TOLD = 1_000
"""Held requests whose end will be told; no more can be held."""


class Center:
    """Listens to events. `answer_url` gives what a message says about where answers go; empty: nowhere."""

    def __init__(self, webhook: Webhook, desktop: Desktop, answer_url: Callable[[], str]) -> None:
        self.allow_scopes = False
        self._webhook = webhook
        self._desktop = desktop
        self._answer_url = answer_url
        # Whether the webhook was told, too; it may have been set only later.
        self._told: dict[str, bool] = {}

    def heard(self, event: Event) -> None:
        """Tell, if it is about something that waits."""
        payload = event.payload
        if isinstance(payload, Held):
            pending = payload.pending
            # Said again where a twin joins it, or its countdown was stopped: that is no news to anybody elsewhere.
            if pending.id in self._told or len(self._told) >= MAX_TOLD:
                return
            self._told[pending.id] = listens = self._webhook.settings is not None
            if listens:
                url = self._answer_url()
                self._webhook.tell(pending.id, held_message(pending, url, wide=self.allow_scopes and bool(url)))
            self._desktop.show(brief(pending))
        elif isinstance(payload, Released):
            told = self._told.pop(payload.id, False)
            # What nobody has been told of yet needs no retraction.
            if told and not self._webhook.withdraw(payload.id):
                self._webhook.tell(payload.id, closed_message(payload.id, payload.outcome, payload.by))
