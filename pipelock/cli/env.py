"""`pipelock env`: the variables that make well-behaved clients use the proxy."""

from __future__ import annotations

from collections.abc import Callable

from pipelock.cli.address import parse_address, url_of
from pipelock.cli.commands import DEFAULT_ADDRESS
from pipelock.cli.link import open_client
from pipelock.cli.table import Arguments
from pipelock.control.client import NotRunning

__all__ = ["execute", "variables"]

_NO_PROXY = "localhost,127.0.0.1,::1"

# No value holds a quote, a backslash or a dollar sign: addresses are checked and the rest is ours.
_FORMATS: dict[str, Callable[[str, str], str]] = {
    "sh": "export {}='{}'".format,
    "fish": "set -gx {} '{}'".format,
    "powershell": "$env:{} = '{}'".format,
    "dotenv": "{}={}".format,
}


def variables(proxy: str) -> tuple[tuple[str, str], ...]:
    """Names and values for a proxy URL.

    Both spellings: curl reads only lower-case `http_proxy`, others only upper case. Node's `fetch` heeds them only
    where NODE_USE_ENV_PROXY is set.
    """
    return (
        ("HTTP_PROXY", proxy),
        ("http_proxy", proxy),
        ("HTTPS_PROXY", proxy),
        ("https_proxy", proxy),
        ("NO_PROXY", _NO_PROXY),
        ("no_proxy", _NO_PROXY),
        ("NODE_USE_ENV_PROXY", "1"),
    )


def execute(arguments: Arguments) -> int:
    """Print one assignment a line, for the shell that was named."""
    address = arguments.address
    if address is None:
        try:
            with open_client(arguments) as client:
                address = client.status().listen
        except NotRunning:
            address = DEFAULT_ADDRESS
    form = _FORMATS[arguments.shell]
    for name, value in variables(url_of(*parse_address(address))):
        # Environment names on Windows have no case, so the second spelling would only repeat the first.
        if arguments.shell != "powershell" or name.isupper():
            print(form(name, value))
    return 0
