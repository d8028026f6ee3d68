"""Requests that two parsers could read differently, written from RFC 9110 and RFC 9112.

Each vector is everything a client sends on one connection. It ends in a refusal with a status, or in requests read in
exactly one way: for each its method, target and body. `rest` is what a tunnel would get.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelock.proxy.http1 import Limits


@dataclass(frozen=True)
class Vector:
    name: str
    data: bytes
    status: int = 0
    """The status of the refusal; 0 where nothing is refused."""
    requests: tuple[tuple[str, str, bytes], ...] = ()
    """What was read in full before the refusal or the end."""


def refused(name: str, data: bytes, status: int = 400) -> Vector:
    return Vector(name, data, status)


def read(name: str, data: bytes, *requests: tuple[str, str, bytes]) -> Vector:
    return Vector(name, data, 0, requests)


def get(*lines: bytes, target: bytes = b"http://a.example/") -> bytes:
    return b"\r\n".join((b"GET " + target + b" HTTP/1.1", *lines, b"", b""))


def post(*lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join((b"POST http://a.example/p HTTP/1.1", b"Host: a.example", *lines, b"", body))


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", body=body)


HOST = b"Host: a.example"
URL = "http://a.example/"
POST_URL = "http://a.example/p"
SECOND = b"GET http://a.example/second HTTP/1.1\r\nHost: a.example\r\n\r\n"
SECOND_READ = ("GET", "http://a.example/second", b"")
DEFAULT = Limits()

FRAMING = [
    refused(
        "content-length and transfer-encoding",
        post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    ),
    refused(
        "transfer-encoding and content-length",
        post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
    ),
    refused(
        "content-length zero and transfer-encoding",
        post(b"Content-Length: 0", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    ),
    refused("two equal content-lengths", post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello")),
    refused("two different content-lengths", post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello")),
    refused("content-length list of equals", post(b"Content-Length: 5, 5", body=b"hello")),
    refused("content-length list", post(b"Content-Length: 5, 6", body=b"hello")),
    refused("content-length with plus", post(b"Content-Length: +5", body=b"hello")),
    refused("content-length negative", post(b"Content-Length: -5", body=b"hello")),
    refused("content-length hexadecimal", post(b"Content-Length: 0x5", body=b"hello")),
    refused("content-length with underscore", post(b"Content-Length: 1_0", body=b"hellohello")),
    refused("content-length with space inside", post(b"Content-Length: 1 0", body=b"hellohello")),
    refused("content-length decimal point", post(b"Content-Length: 5.0", body=b"hello")),
    refused("content-length empty", post(b"Content-Length:", body=b"hello")),
    refused("content-length with leading zero", post(b"Content-Length: 05", body=b"hello")),
    refused("content-length superscript digit", post(b"Content-Length: \xb2", body=b"he")),
    refused("content-length overflows 64 bits", post(b"Content-Length: 18446744073709551621", body=b"hello")),
    refused("content-length of sixteen digits", post(b"Content-Length: 1000000000000000")),
    refused("transfer-encoding gzip, chunked", post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n")),
    refused("transfer-encoding chunked, identity", post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n")),
    refused("transfer-encoding identity", post(b"Transfer-Encoding: identity", body=b"0\r\n\r\n")),
    refused("transfer-encoding xchunked", post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n")),
    refused(
        "transfer-encoding chunked twice in a list", post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n")
    ),
    refused(
        "two transfer-encodings", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")
    ),
    refused(
        "transfer-encoding then identity",
        post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    ),
    refused("transfer-encoding with parameter", post(b"Transfer-Encoding: chunked;q=1", body=b"0\r\n\r\n")),
    refused("transfer-encoding quoted", post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n")),
    refused("transfer-encoding empty", post(b"Transfer-Encoding:", body=b"0\r\n\r\n")),
    refused("transfer-encoding vertical tab", post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n")),
    refused("transfer-encoding next line", post(b"Transfer-Encoding: chunked\x85", body=b"0\r\n\r\n")),
    refused("transfer-encoding with space before colon", post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n")),
    refused("transfer-encoding with tab before colon", post(b"Transfer-Encoding\t: chunked", body=b"0\r\n\r\n")),
    refused("transfer-encoding behind a space", post(b" Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    refused("transfer-encoding folded", post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n")),
    refused("transfer_encoding", post(b"Transfer_Encoding: chunked", body=b"0\r\n\r\n")),
    refused("content_length", post(b"Content_Length: 5", body=b"hello")),
    refused(
        "transfer-encoding in HTTP/1.0",
        b"POST http://a.example/ HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    refused(
        "connect with a length",
        b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nContent-Length: 5\r\n\r\nhello",
    ),
    refused(
        "connect in chunks",
        b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    read(
        "content-length with white space around",
        post(b"Content-Length: \t5 \t", body=b"hello"),
        ("POST", POST_URL, b"hello"),
    ),
    read("no length is no body", post(body=b"") + SECOND, ("POST", POST_URL, b""), SECOND_READ),
    read(
        "a second request behind the body",
        post(b"Content-Length: 5", body=b"hello") + SECOND,
        ("POST", POST_URL, b"hello"),
        SECOND_READ,
    ),
    read(
        "a request inside the body", post(b"Content-Length: %d" % len(SECOND), body=SECOND), ("POST", POST_URL, SECOND)
    ),
    read(
        "a request inside a get's body", get(HOST, b"Content-Length: %d" % len(SECOND)) + SECOND, ("GET", URL, SECOND)
    ),
    read(
        "transfer-encoding in capitals", post(b"TRANSFER-ENCODING: CHUNKED", body=b"0\r\n\r\n"), ("POST", POST_URL, b"")
    ),
    read("nothing is read after close", get(HOST, b"Connection: close") + SECOND, ("GET", URL, b"")),
]

CHUNKS = [
    read("chunks", chunked(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), ("POST", POST_URL, b"hello!")),
    read(
        "chunk sizes in both cases",
        chunked(b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
        ("POST", POST_URL, b"0123456789" * 2),
    ),
    read("chunk size padded to eight digits", chunked(b"00000001\r\nx\r\n00000000\r\n\r\n"), ("POST", POST_URL, b"x")),
    read(
        "a request inside a chunk",
        chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (len(SECOND), SECOND)),
        ("POST", POST_URL, SECOND),
    ),
    read("a request behind the chunks", chunked(b"0\r\n\r\n") + SECOND, ("POST", POST_URL, b""), SECOND_READ),
    read("trailers are dropped", chunked(b"1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n"), ("POST", POST_URL, b"x")),
    refused("chunk size of nine digits", chunked(b"000000001\r\nx\r\n0\r\n\r\n")),
    refused("chunk size overflows 64 bits", chunked(b"10000000000000001\r\nx\r\n0\r\n\r\n")),
    refused("chunk size with 0x", chunked(b"0x1\r\nx\r\n0\r\n\r\n")),
    refused("chunk size negative", chunked(b"-1\r\nx\r\n0\r\n\r\n")),
    refused("chunk size with plus", chunked(b"+1\r\nx\r\n0\r\n\r\n")),
    refused("chunk size with underscore", chunked(b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n")),
    refused("chunk size empty", chunked(b"\r\nx\r\n0\r\n\r\n")),
    refused("chunk size behind a space", chunked(b" 1\r\nx\r\n0\r\n\r\n")),
    refused("chunk size before a space", chunked(b"1 \r\nx\r\n0\r\n\r\n")),
    refused("chunk size before a tab", chunked(b"1\t\r\nx\r\n0\r\n\r\n")),
    refused("chunk size is no number", chunked(b"xyz\r\nx\r\n0\r\n\r\n")),
    refused("chunk extension", chunked(b"1;a=b\r\nx\r\n0\r\n\r\n")),
    refused("chunk extension empty", chunked(b"1;\r\nx\r\n0\r\n\r\n")),
    refused("chunk extension with lone LF", chunked(b"1;a\nx\r\n0\r\n\r\n")),
    refused("chunk size ends in LF", chunked(b"1\nx\r\n0\r\n\r\n")),
    refused("chunk size ends in CR", chunked(b"1\rx\r\n0\r\n\r\n")),
    refused("chunk size ends in CR CR LF", chunked(b"1\r\r\nx\r\n0\r\n\r\n")),
    refused("chunk data longer than its size", chunked(b"1\r\nxy\r\n0\r\n\r\n")),
    refused("chunk data shorter than its size", chunked(b"3\r\nx\r\n0\r\n\r\n")),
    refused("chunk data without line end", chunked(b"1\r\nx0\r\n\r\n")),
    refused("chunk data ends in LF", chunked(b"1\r\nx\n0\r\n\r\n")),
    refused("chunk data ends in CR X", chunked(b"1\r\nx\rX0\r\n\r\n")),
    refused("chunk line too long", chunked(b"1;" + b"a" * 300 + b"\r\nx\r\n0\r\n\r\n")),
    refused("chunk line endless", chunked(b"0" * 5000)),
    refused("trailer is no field", chunked(b"0\r\nabc\r\n\r\n")),
    refused("trailer without a name", chunked(b"0\r\n: b\r\n\r\n")),
    refused("trailer folded", chunked(b"0\r\nA: b\r\n c\r\n\r\n")),
    refused("trailer with space before colon", chunked(b"0\r\nA : b\r\n\r\n")),
    refused("trailer with NUL", chunked(b"0\r\nA: \0\r\n\r\n")),
    refused("trailer with lone LF", chunked(b"0\r\nA: b\nC: d\r\n\r\n")),
    refused("trailer content-length", chunked(b"0\r\nContent-Length: 5\r\n\r\n")),
    refused("trailer transfer-encoding", chunked(b"0\r\nTransfer-Encoding: chunked\r\n\r\n")),
    refused("trailer host", chunked(b"0\r\nHost: evil.example\r\n\r\n")),
    refused("trailers too long together", chunked(b"0\r\n" + b"A: b\r\n" * 2000 + b"\r\n")),
    refused("trailer too long alone", chunked(b"0\r\nA: " + b"b" * 9000 + b"\r\n\r\n")),
]

LINES = [
    refused("lines end in LF", b"GET http://a.example/ HTTP/1.1\nHost: a.example\n\n"),
    refused("request line ends in LF", b"GET http://a.example/ HTTP/1.1\nHost: a.example\r\n\r\n"),
    refused("one field ends in LF", get(HOST + b"\nX: y")),
    refused("head ends in LF LF", b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\n\n"),
    refused("head ends in CR LF LF", b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\n"),
    refused("lone CR in a value", get(HOST, b"X: a\rb")),
    refused("lone CR in the request line", b"GET http://a.example/\r HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    refused("CR CR LF", b"GET http://a.example/ HTTP/1.1\r\r\nHost: a.example\r\n\r\n"),
    refused("folded with a space", get(HOST, b"X: a", b" b")),
    refused("folded with a tab", get(HOST, b"X: a", b"\tb")),
    refused("folded first field", get(b" X: a", HOST)),
    refused("two empty lines first", b"\r\n\r\n" + get(HOST)),
    refused("lone CR first", b"\r" + get(HOST)),
    refused("LF first", b"\n" + get(HOST)),
    refused("space first", b" " + get(HOST)),
    read("one empty line first", b"\r\n" + get(HOST), ("GET", URL, b"")),
    read("one empty line between", get(HOST) + b"\r\n" + SECOND, ("GET", URL, b""), SECOND_READ),
    Vector("two empty lines between", get(HOST) + b"\r\n\r\n" + SECOND, 400, (("GET", URL, b""),)),
]

FIELDS = [
    refused("space before colon", get(HOST, b"X : y")),
    refused("space inside a name", get(HOST, b"X Y: z")),
    refused("no colon", get(HOST, b"X")),
    refused("no name", get(HOST, b": y")),
    refused("name in brackets", get(HOST, b"X[]: y")),
    refused("name in quotes", get(HOST, b'"X": y')),
    refused("name with at sign", get(HOST, b"X@Y: y")),
    refused("name above ASCII", get(HOST, b"X\xe9: y")),
    refused("NUL in a name", get(HOST, b"X\0Y: z")),
    refused("NUL in a value", get(HOST, b"X: a\0b")),
    refused("escape in a value", get(HOST, b"X: \x1b[2J")),
    refused("backspace in a value", get(HOST, b"X: a\x08")),
    refused("delete in a value", get(HOST, b"X: \x7f")),
    refused("more than a hundred fields", get(HOST, *[b"X: y"] * 100), 431),
    refused("head of more than 64 KiB", get(HOST, b"X: " + b"y" * 66_000), 431),
    refused("head without end", get(HOST)[:-2] + b"X: y\r\n" * 12_000, 431),
    refused("expectation nobody knows", get(HOST, b"Expect: 200-ok"), 417),
    refused("two expectations", get(HOST, b"Expect: 100-continue", b"Expect: 100-continue"), 417),
    read("a hundred fields", get(HOST, *[b"X: y"] * 99), ("GET", URL, b"")),
    read("bytes above ASCII in a value", get(HOST, b"X: caf\xc3\xa9"), ("GET", URL, b"")),
    read("tab inside a value", get(HOST, b"X: a\tb"), ("GET", URL, b"")),
    read("empty value", get(HOST, b"X:"), ("GET", URL, b"")),
]

HOSTS = [
    refused("no host", get()),
    refused("two hosts", get(HOST, HOST)),
    refused("two different hosts", get(HOST, b"Host: b.example")),
    refused("host empty", get(b"Host:")),
    refused("host blank", get(b"Host:  \t")),
    refused("host is another", get(b"Host: b.example")),
    refused("host has another port", get(b"Host: a.example:8080")),
    refused("host list", get(b"Host: a.example, b.example")),
    refused("host with user", get(b"Host: me@a.example")),
    refused("host with path", get(b"Host: a.example/x")),
    refused("host with scheme", get(b"Host: http://a.example")),
    refused("host with space", get(b"Host: a.example b.example")),
    refused("host percent-encoded", get(b"Host: a%2eexample", target=b"/")),
    refused("host above ASCII", get(b"Host: \xe4.example", target=b"/")),
    refused("host with zone", get(b"Host: [fe80::1%25eth0]", target=b"/")),
    refused("host with empty port", get(b"Host: a.example:", target=b"/")),
    refused("host with port zero", get(b"Host: a.example:0", target=b"/")),
    refused("host with port too large", get(b"Host: a.example:65536", target=b"/")),
    refused("host with port of letters", get(b"Host: a.example:http", target=b"/")),
    refused("host with two ports", get(b"Host: a.example:80:80", target=b"/")),
    refused("host with empty label", get(b"Host: a..example", target=b"/")),
    refused("host bracket open", get(b"Host: [::1", target=b"/")),
    refused("host brackets with a name", get(b"Host: [a.example]", target=b"/")),
    refused("host bare IPv6", get(b"Host: ::1", target=b"/")),
    read("host with the default port", get(b"Host: a.example:80"), ("GET", URL, b"")),
    read("host in capitals", get(b"Host: A.EXAMPLE"), ("GET", URL, b"")),
    read("host in brackets", get(b"Host: [::1]:8888", target=b"/health"), ("GET", "/health", b"")),
    read("no host in HTTP/1.0", b"GET http://a.example/ HTTP/1.0\r\n\r\n", ("GET", URL, b"")),
]

START = [
    refused("HTTP/0.9", b"GET /\r\n\r\n"),
    refused("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    refused("HTTP/2.0", b"GET http://a.example/ HTTP/2.0\r\nHost: a.example\r\n\r\n", 505),
    refused("HTTP/1.2", b"GET http://a.example/ HTTP/1.2\r\nHost: a.example\r\n\r\n", 505),
    refused("HTTP/1.10", b"GET http://a.example/ HTTP/1.10\r\nHost: a.example\r\n\r\n"),
    refused("http/1.1", b"GET http://a.example/ http/1.1\r\nHost: a.example\r\n\r\n"),
    refused("HTTP/1,1", b"GET http://a.example/ HTTP/1,1\r\nHost: a.example\r\n\r\n", 505),
    refused("HTTPS/1.1", b"GET http://a.example/ HTTPS/1.1\r\nHost: a.example\r\n\r\n"),
    refused("no version", b"GET http://a.example/ \r\nHost: a.example\r\n\r\n"),
    refused("space behind the version", b"GET http://a.example/ HTTP/1.1 \r\nHost: a.example\r\n\r\n"),
    refused("two spaces before the target", b"GET  http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    refused("tab before the target", b"GET\thttp://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    refused("space in the target", b"GET http://a.example/a b HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    refused(
        "request line smuggled in the target", b"GET http://a.example/ HTTP/1.1 /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
    ),
    refused("lower-case method", b"get http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    refused("mixed-case method", b"Get http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    refused("unknown method", b"FROB http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 501),
    refused("trace", b"TRACE http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 501),
    refused("method with a quote", b"GE'T http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    refused("no method", b" http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    refused("a response", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    refused("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32),
    refused("NUL in the request line", b"GET http://a.example/\0 HTTP/1.1\r\nHost: a.example\r\n\r\n"),
]

TARGETS = [
    refused("target of more than 16 KiB", get(HOST, target=b"http://a.example/" + b"a" * 17_000), 414),
    refused("target without end", b"GET http://a.example/" + b"a" * 70_000, 414),
    refused("fragment", get(HOST, target=b"http://a.example/#f")),
    refused("backslash", get(HOST, target=b"http://a.example\\@b.example/")),
    refused("user", get(HOST, target=b"http://me@a.example/")),
    refused("user and password", get(HOST, target=b"http://me:pw@a.example/")),
    refused("empty user", get(HOST, target=b"http://@a.example/")),
    refused("no authority", get(HOST, target=b"http:///")),
    refused("one slash", get(HOST, target=b"http:/a.example/")),
    refused("no slash", get(HOST, target=b"http:a.example/")),
    refused("no scheme", get(HOST, target=b"://a.example/")),
    refused("scheme with a digit first", get(HOST, target=b"1http://a.example/")),
    refused("relative path", get(HOST, target=b"a/b")),
    refused("asterisk in a get", get(HOST, target=b"*")),
    refused("authority in a get", get(HOST, target=b"a.example:80")),
    refused("bytes above ASCII", get(HOST, target=b"http://a.example/\xc3\xa9")),
    refused("quote", get(HOST, target=b'http://a.example/"')),
    refused("angle bracket", get(HOST, target=b"http://a.example/<x>")),
    refused("port empty", get(HOST, target=b"http://a.example:/")),
    refused("port zero", get(HOST, target=b"http://a.example:0/")),
    refused("port with leading zero", get(b"Host: a.example:80", target=b"http://a.example:080/")),
    refused("port too large", get(HOST, target=b"http://a.example:65616/")),
    refused("port with plus", get(HOST, target=b"http://a.example:+80/")),
    refused("IPv6 not closed", get(HOST, target=b"http://[::1/")),
    refused("IPv6 with junk behind", get(HOST, target=b"http://[::1]x/")),
    refused("IPv6 with a zone", get(HOST, target=b"http://[fe80::1%25lo]/")),
    refused("label too long", get(HOST, target=b"http://" + b"a" * 64 + b".example/")),
    refused("host too long", get(HOST, target=b"http://" + b"a." * 130 + b"example/")),
    refused("connect with a URL", b"CONNECT http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    refused("connect with a path", b"CONNECT /x HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    refused("connect without port", b"CONNECT a.example HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    refused("connect with user", b"CONNECT me@a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"),
    refused("connect with another host", b"CONNECT a.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n"),
    refused("connect with another port", b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:80\r\n\r\n"),
    read("absolute", get(HOST, target=b"http://a.example/x?y=1|2"), ("GET", "http://a.example/x?y=1|2", b"")),
    read("absolute without path", get(HOST, target=b"http://a.example"), ("GET", "http://a.example", b"")),
    read("absolute with a query only", get(HOST, target=b"http://a.example?x"), ("GET", "http://a.example?x", b"")),
    read("origin", get(HOST, target=b"/x"), ("GET", "/x", b"")),
    read("origin with two slashes", get(HOST, target=b"//b.example/"), ("GET", "//b.example/", b"")),
    read(
        "at sign in the path",
        get(HOST, target=b"http://a.example/@b.example"),
        ("GET", "http://a.example/@b.example", b""),
    ),
    read("asterisk", b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", ("OPTIONS", "*", b"")),
    read(
        "connect", b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", ("CONNECT", "a.example:443", b"")
    ),
    read(
        "connect with a host without port",
        b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n",
        ("CONNECT", "a.example:443", b""),
    ),
    read("connect to IPv6", b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n", ("CONNECT", "[::1]:443", b"")),
]

CUT_SHORT = [
    refused("cut in the request line", b"GET http://a.ex"),
    refused("cut in the head", b"GET http://a.example/ HTTP/1.1\r\nHost: a.exam"),
    refused("cut before the last line feed", get(HOST)[:-1]),
    refused("cut in the body", post(b"Content-Length: 6", body=b"hello")),
    refused("cut in a chunk size", chunked(b"5")),
    refused("cut in a chunk", chunked(b"5\r\nhel")),
    refused("cut behind a chunk", chunked(b"5\r\nhello")),
    refused("cut before the last chunk", chunked(b"5\r\nhello\r\n")),
    refused("cut in the trailers", chunked(b"5\r\nhello\r\n0\r\nA: b\r\n")),
]

VECTORS = [*FRAMING, *CHUNKS, *LINES, *FIELDS, *HOSTS, *START, *TARGETS, *CUT_SHORT]
