"""The way from a command to the daemon."""

from __future__ import annotations

import os

from pipelock.cli.table import Arguments
from pipelock.control.client import Client
from pipelock.control.paths import socket_path

__all__ = ["open_client"]


def open_client(arguments: Arguments) -> Client:
    """A client, still to be entered, of the daemon whose home the command line names.

    Raises:
        SocketPathError: the home's path is too long for a socket.
    """
    return Client(socket_path(os.environ, arguments.home))
