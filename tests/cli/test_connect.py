from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelock.cli import connect
from pipelock.cli.connect import ConnectError, carry, proxy_of, request
from tests.cli.answering import OneAnswer

Run = Callable[..., tuple[int, str, str]]
OPEN = b"HTTP/1.1 200 Connection Established\r\n\r\n"


@pytest.fixture
def proxy() -> Iterator[OneAnswer]:
    found = OneAnswer()
    yield found
    found.close()


@pytest.mark.parametrize(
    ("said", "environ", "place"),
    [
        ("http://127.0.0.1:8888", {}, ("127.0.0.1", 8888)),
        ("http://127.0.0.1:8888/", {"HTTPS_PROXY": "http://x:1"}, ("127.0.0.1", 8888)),
        ("[::1]:8888", {}, ("::1", 8888)),
        ("HTTP://name:p%40ss@proxy.example:80", {}, ("proxy.example", 80)),
        ("", {"HTTPS_PROXY": "http://a:1", "HTTP_PROXY": "http://b:2"}, ("a", 1)),
        ("", {"https_proxy": "", "all_proxy": "http://c:3"}, ("c", 3)),
    ],
)
def test_where_the_proxy_is(
    said: str, environ: dict[str, str], place: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in connect.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(said) == place


@pytest.mark.parametrize(
    "said", ["socks5h://127.0.0.1:1080", "https://proxy:443", "proxy", "proxy:", "proxy:0", "http://a b:1", "\x1b[2J:1"]
)
def test_what_is_no_proxy_is_said_and_nothing_of_it_reaches_the_terminal(said: str) -> None:
    with pytest.raises(ConnectError) as caught:
        proxy_of(said)
    assert str(caught.value).isprintable()


def test_without_one_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in connect.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConnectError, match="HTTPS_PROXY is not set"):
        proxy_of("")


def test_the_request_holds_the_place_and_what_is_said_of_the_remote_in_one_line() -> None:
    assert request("github.com", "22").startswith(b"CONNECT github.com:22 HTTP/1.1\r\nHost: github.com:22\r\n")
    assert request("2001:db8::1", "022").startswith(b"CONNECT [2001:db8::1]:22 HTTP/1.1\r\n")
    said = request("github.com", "22", "git push git@github.com:o/r\r\nEvil: 1\x1b" + "x" * 500)
    assert said.count(b"\r\n") == 6
    assert b"\r\nX-Pipelock-Remote: git push git@github.com:o/r Evil: 1?xx" in said
    assert len(said) < 600


@pytest.mark.parametrize(
    ("host", "port"), [("", "22"), ("a b", "22"), ("a\r\nb", "22"), ("a", "x"), ("a", "0"), ("a", "65536"), ("a", "٢")]
)
def test_what_is_no_place_to_connect_to(host: str, port: str) -> None:
    with pytest.raises(ConnectError):
        request(host, port)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"HTTP/1.1 403 Blocked\r\nContent-Length: 16\r\n\r\nblocked: a rule\nmore", "no connection to h:22: blocked: a rule"),
        (b"HTTP/1.1 503 Unavailable\r\n\r\n", "HTTP/1.1 503 Unavailable"),
        (b"HTTP/1.1 403 No\r\nContent-Length: 7\r\n\r\n\x1b[2J\xffx", "?[2J?x"),
        (b"HTTP/1.1 403 No\r\nContent-Length: 99999999999999999\r\n\r\nshort", "short"),
        (b"SSH-2.0-x\r\n\r\n", "is no HTTP proxy"),
        (b"HTTP/1.1 200", "hung up without an answer"),
        (b"", "hung up without an answer"),
        (b"x" * 200_000, "hung up without an answer"),
    ],
    ids=["page", "no page", "hostile", "too long", "no proxy", "cut", "nothing", "endless"],
)  # fmt: skip
def test_a_refusal_is_told_in_words(proxy: OneAnswer, run: Run, data: bytes, told: str) -> None:
    proxy.answer(data)
    code, out, err = run("connect", "--proxy", proxy.address, "h", "22")
    assert (code, out) == (1, "")
    assert told in err
    assert err.startswith("pipelock: ")
    assert err.rstrip("\n").isprintable()


def test_nobody_there(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert "does not answer" in run("connect", "--proxy", f"127.0.0.1:{port}", "h", "22")[2]


def test_it_carries_both_ways_and_half_closes(proxy: OneAnswer) -> None:
    """As SSH starts it: the file by itself, without the package."""
    blob = os.urandom(500_000)

    def serve(link: socket.socket) -> None:
        got = b""
        while data := link.recv(65_536):
            got += data
        link.sendall(got[::-1])  # only after its end was heard of

    proxy.answer(OPEN + b"early ", serve)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(Path(connect.__file__)), "--proxy", proxy.address, "--remote", "git push", "h", "22"],
        input=blob,
        capture_output=True,
        timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"early " + blob[::-1]
    assert b"\r\nX-Pipelock-Remote: git push\r\n" in proxy.asked


def test_it_ends_with_the_other_side_though_nobody_ends_its_input() -> None:
    ours, theirs = socket.socketpair()
    source, keeps_open = os.pipe()
    reads, sink = os.pipe()
    theirs.sendall(b"bye")
    theirs.close()
    carry(ours, b"good", source, sink)
    assert os.read(reads, 100) == b"goodbye"
    os.close(keeps_open)
    for one in (reads, sink):
        os.close(one)


def test_it_ends_when_nobody_reads_any_more() -> None:
    ours, theirs = socket.socketpair()
    source, keeps_open = os.pipe()
    reads, sink = os.pipe()
    os.close(reads)
    theirs.sendall(b"x")
    carry(ours, b"", source, sink)
    os.close(keeps_open)
    os.close(sink)
    theirs.close()


def test_the_file_by_itself_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert connect._main(["h"]) == 2
    assert "HOST PORT" in capsys.readouterr().err


def test_nothing_but_the_standard_library_is_imported() -> None:
    code = f"import sys; sys.argv=['c']; exec(compile(open({connect.__file__!r}).read(), 'c', 'exec'), {{'__name__': 'c'}})"
    code += "; print(any(name.startswith(('pipelock', 'typing', 'msgspec', 'twisted')) for name in sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
