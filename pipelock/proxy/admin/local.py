"""The admin API on the main listener, where it has none of its own."""

from __future__ import annotations

from typing import Protocol

from pipelock.model import Action, Transport
from pipelock.proxy.admin.service import MAX_BODY
from pipelock.proxy.api import Speaker, put
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.http1 import RequestHead
from pipelock.proxy.target import Target

__all__ = ["open_admin"]


class Asker(Speaker, Protocol):
    """A client of the main listener."""

    def action(self, transport: Transport) -> Action:
        """The request under way."""

    def judge_and_refuse(self, action: Action) -> None:
        """Have it judged, and say no."""


def open_admin(context: ProxyContext, connection: Asker, head: RequestHead, target: Target) -> bool:
    """Take a request for a local path of the admin API, whatever the answer; false where it is for something else.

    While the kill switch is on, what it does not spare is refused at the door like everything else.
    """
    admin = context.admin
    path = target.path_query.partition("?")[0]
    if admin is None or not admin.serves(path):
        return False
    spared = context.settings.api_exempt and admin.is_exempt(path)
    if not spared and context.door.engine.kill.applies_to(connection.client):
        connection.judge_and_refuse(connection.action(Transport.FORWARD))
    else:
        put(connection, admin, head, MAX_BODY)
    return True
