"""`pipelock connect`: standard input and output, carried through the proxy. What SSH has as ProxyCommand.

Starts quickly, because it is started for every connection: nothing but the standard library is imported, and the file
can be run by itself (`python -I -S connect.py HOST PORT`), as `pipelock ssh` does.
"""

from __future__ import annotations

import os
import socket
import sys
import threading

TYPE_CHECKING = False  # as typing has it, which costs a third of the start-up
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelock.cli.table import Arguments

__all__ = ["MAX_ANSWER", "VARIABLES", "ConnectError", "carry", "execute", "proxy_of", "request"]

VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")
"""Where the proxy's address is looked for, in this order."""
MAX_ANSWER = 65_536
"""Bytes of the proxy's answer, its page included."""
DIAL_SECONDS = 10.0
"""For the connection to the proxy. Its answer may take as long as a person needs who is asked."""

_MAX_TOLD = 1000
_READ_SIZE = 65_536
_HOST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:")


class ConnectError(Exception):
    """There is no connection; the message says why, for a person."""


def execute(arguments: Arguments) -> int:
    """Carry until the other side has finished; 1 where there is no connection."""
    return _carried(arguments.proxy or "", arguments.host, arguments.port, arguments.remote or "")


def _carried(proxy: str, host: str, port: str, remote: str) -> int:
    try:
        place = proxy_of(proxy)
        asked = request(host, port, remote)
        link, early = _open(place, asked, f"{host}:{port}")
    except ConnectError as error:
        print(f"pipelock: {error}", file=sys.stderr)
        return 1
    carry(link, early, 0, 1)
    return 0


def proxy_of(said: str) -> tuple[str, int]:
    """The proxy's host and port: as `said` (a URL or host:port), else by the environment.

    Raises:
        ConnectError: there is none, or it is no plain HTTP proxy.
    """
    text = said or next((os.environ[name] for name in VARIABLES if os.environ.get(name)), "")
    if not text:
        raise ConnectError(
            "no proxy to go through: HTTPS_PROXY is not set; inside `pipelock sandbox` it is, elsewhere give --proxy"
        )
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    host, _, port = rest.partition("/")[0].rpartition("@")[2].rpartition(":")
    host = host.strip("[]")
    if scheme.lower() != "http" or not host or not _HOST.issuperset(host) or not _is_port(port):
        raise ConnectError(f"{_plain(text, 100)} is no proxy that can be used: write http://host:port")
    return host, int(port)


def request(host: str, port: str, remote: str = "") -> bytes:
    """The CONNECT (RFC 9110 §9.3.6). `remote` is what the proxy shows a person: what is wanted of a git remote.

    Raises:
        ConnectError: this is no place to connect to.
    """
    host = host.strip("[]")
    if not host or len(host) > 253 or not _HOST.issuperset(host) or not _is_port(port):
        raise ConnectError(f"{_plain(host, 100)} port {_plain(port, 10)} is no place to connect to")
    place = f"[{host}]:{int(port)}" if ":" in host else f"{host}:{int(port)}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}", "User-Agent: pipelock-connect", "Accept: text/plain"]
    if remote:
        lines.append(f"X-Pipelock-Remote: {_plain(remote, 300)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _open(place: tuple[str, int], asked: bytes, to: str) -> tuple[socket.socket, bytes]:
    """A connection to `to`, and what came from there already."""
    try:
        link = socket.create_connection(place, timeout=DIAL_SECONDS)
    except OSError as error:
        raise ConnectError(f"the proxy at {place[0]}:{place[1]} does not answer: {error.strerror or error}") from error
    try:
        link.settimeout(None)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(asked)
        return link, _answer(link, to)
    except OSError as error:
        link.close()
        raise ConnectError(f"the proxy at {place[0]}:{place[1]} hung up: {error.strerror or error}") from error
    except ConnectError:
        link.close()
        raise


def _answer(link: socket.socket, to: str) -> bytes:
    """Wait until the proxy has opened the way; what came from there already."""
    head, rest = _head(link)
    words = head.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise ConnectError("what answers where the proxy should be is no HTTP proxy")
    if words[1] != b"200":
        raise ConnectError(f"no connection to {_plain(to, 300)}: {_why(head, rest, link)}")
    return rest


def _head(link: socket.socket) -> tuple[bytes, bytes]:
    """An answer's head, and what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = link.recv(_READ_SIZE)
        if not more or len(data) > MAX_ANSWER:
            raise ConnectError("the proxy hung up without an answer")
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _why(head: bytes, page: bytes, link: socket.socket) -> str:
    """What a refusal says: its page, or at least its first line."""
    link.settimeout(2.0)
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and value.strip().isdigit():
            length = min(int(value[:12]), MAX_ANSWER)
    while len(page) < length:
        try:
            more = link.recv(_READ_SIZE)
        except OSError:
            break
        if not more:
            break
        page += more
    text = _plain(page[:length].decode("utf-8", "replace"), _MAX_TOLD)
    return text or _plain(head.partition(b"\r\n")[0].decode("latin-1"), 200)


def carry(link: socket.socket, early: bytes, source: int, sink: int) -> None:
    """Carry both ways until the other side has finished. The end of `source` is passed on, and is not ours.

    Args:
        link: The connection, closed at the end.
        early: What came from it already.
        source: Descriptor that is read.
        sink: Descriptor that is written.
    """
    threading.Thread(target=_send, args=(link, source), daemon=True).start()
    try:
        data = early or link.recv(_READ_SIZE)
        while data:
            _write(sink, data)
            data = link.recv(_READ_SIZE)
    except OSError:
        pass  # a reset, or nobody reads any more: it is over
    finally:
        link.close()


def _send(link: socket.socket, source: int) -> None:
    try:
        while data := os.read(source, _READ_SIZE):
            link.sendall(data)
        link.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # whoever receives learns of it by itself


def _write(sink: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sink, view) :]


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65_536


def _plain(text: str, limit: int) -> str:
    """`text` for a terminal or a header: printable ASCII in one line. `pipelock.model.escape` would take too long."""
    return " ".join("".join(one if " " <= one <= "~" or one in "\t\r\n" else "?" for one in text[:limit]).split())


def _main(words: Sequence[str]) -> int:
    """Run as a file: `[--proxy URL] [--remote TEXT] HOST PORT`."""
    rest = list(words)
    said = {"--proxy": "", "--remote": ""}
    while len(rest) > 2 and rest[0] in said:
        said[rest[0]] = rest[1]
        del rest[:2]
    if len(rest) != 2:
        print("pipelock: write connect [--proxy URL] [--remote TEXT] HOST PORT", file=sys.stderr)
        return 2
    return _carried(said["--proxy"], rest[0], rest[1], said["--remote"])


if __name__ == "__main__":
    # Without the interpreter's farewell, which would wait for whoever has standard input.
    os._exit(_main(sys.argv[1:]))
