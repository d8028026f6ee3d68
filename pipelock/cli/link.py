"""The way from a command to the daemon."""

from __future__ import annotations

import os

from pipelock.cli.table import Arguments
from pipelock.control.client import Client
from pipelock.control.paths import socket_path

__all__ = ["URL_VARIABLE", "open_client", "wants_api"]

URL_VARIABLE = "PIPELOCK_API_URL"
"""Where the admin API is, for those who would rather ask it than the control socket."""


def wants_api(arguments: Arguments) -> bool:
    """Whether the command line or the environment names the admin API."""
    named = arguments.api_url or arguments.api_token or arguments.config
    return bool(named or os.environ.get(URL_VARIABLE))


def open_client(arguments: Arguments, *, launches: bool = False) -> Client:
    """A client, still to be entered, of the daemon whose home the command line names; see `Client` for `launches`.

    Raises:
        SocketPathError: the home's path is too long for a socket.
    """
    return Client(socket_path(os.environ, arguments.home), launches=launches)
