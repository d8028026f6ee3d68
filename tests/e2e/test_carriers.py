"""A secret in everything that carries one, on every road: refused with a code, told once, and nothing of it arrives."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import brotli
import pytest
import zstandard

from tests.e2e.conftest import BASE_CONFIG, Trust
from tests.e2e.roads import Lab, Request

pytestmark = pytest.mark.e2e

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
KEY = SECRET.encode()
HELD = 65_536
WINDOW = 262_144
HELD_BACK = 16_384
CONFIG = BASE_CONFIG.replace("{action: block}", f"{{action: block, max_body_bytes: {HELD}}}", 1)
LINE = b"2024-03-01 12:00:07 request served, nothing to report\n"


def multipart(value: bytes, before: bytes = b"") -> tuple[bytes, dict[str, str]]:
    """A form with a text field and a file that ends with `value`."""
    head = b'--cut\r\nContent-Disposition: form-data; name="title"\r\n\r\nnotes\r\n--cut\r\n'
    head += b'Content-Disposition: form-data; name="f"; filename="notes.txt"\r\nContent-Type: text/plain\r\n\r\n'
    return head + before + value + b"\r\n--cut--\r\n", {"Content-Type": "multipart/form-data; boundary=cut"}


def posted(body: bytes | tuple[bytes, ...], kind: str = "text/plain", **more: str) -> Request:
    return Request("/in", body, {"Content-Type": kind, **{name.replace("_", "-"): more[name] for name in more}})


def small(secret: bytes) -> dict[str, Request]:
    """Requests that are held and judged whole, by what carries `secret` in them."""
    text = secret.decode()
    document = json.dumps({"user": "ada", "notes": [{"text": f"the key is {text}"}]}).encode()
    return {
        "query": Request(f"/in?page=1&note={text}"),
        "path": Request(f"/in/{text}/x"),
        "escaped in the path": Request("/in/" + "".join(f"%{byte:02x}" for byte in secret)),
        "header": Request("/in", headers={"X-Note": text}),
        "authorization": Request("/in", headers={"Authorization": f"Bearer {text}"}),
        "basic authorization": Request(
            "/in", headers={"Authorization": f"Basic {base64.b64encode(b'ada:' + secret).decode()}"}
        ),
        "cookie": Request("/in", headers={"Cookie": f"theme=dark; session={text}"}),
        "user agent": Request("/in", headers={"User-Agent": f"tool/1.0 ({text})"}),
        "JSON": posted(document, "application/json"),
        "form": posted(f"user=ada&note={quote('the key: ' + text)}".encode(), "application/x-www-form-urlencoded"),
        "multipart": Request("/in", *multipart(secret)),
        "text": posted(b"so the key is " + secret),
        "bytes": posted(b"\x00\x01\xfe\xff" * 40 + b"\x00" + secret + b"\x00" * 40, "application/octet-stream"),
        "gzip": posted(gzip.compress(document), "application/json", Content_Encoding="gzip"),
        "br": posted(brotli.compress(document), "application/json", Content_Encoding="br"),
        "zstd": posted(zstandard.compress(document), "application/json", Content_Encoding="zstd"),
        "gzip in gzip": posted(gzip.compress(gzip.compress(document)), "text/plain", Content_Encoding="gzip, gzip"),
        "chunks": posted(tuple(document[at : at + 7] for at in range(0, len(document), 7)), "application/json"),
        "another method": Request("/in", secret, {"X-HTTP-Method-Override": "PUT"}),
    }


def at(place: int, secret: bytes, size: int = WINDOW + 40_000) -> bytes:
    """A log of `size` bytes with `secret` on a line of its own at `place`, more or less."""
    lines = LINE * (size // len(LINE))
    return lines[:place] + b"\n" + secret + b"\n" + lines[place:]


def large(secret: bytes) -> dict[str, tuple[Request, bool]]:
    """Requests that flow through in windows, and whether some of them may arrive before they are refused."""
    encoded = gzip.compress(at(WINDOW + 20_000, secret), 1)
    chunked = at(WINDOW + 20_000, secret)
    far = at(2 * WINDOW - 2 * HELD_BACK, secret, 2 * WINDOW)
    form, kind = multipart(secret, LINE * 5_200)
    return {
        "at the start": (posted(at(0, secret)), False),
        "in the first window": (posted(at(150_000, secret)), False),
        "where what is held ends": (posted(at(HELD - 20, secret)), False),
        "where the first window is cut": (posted(at(WINDOW - HELD_BACK - 20, secret)), False),
        "across the first window's end": (posted(at(WINDOW - 20, secret)), True),
        "in the second window": (posted(far), True),
        "at the end": (posted(at(WINDOW, b"") + secret), True),
        "in chunks": (posted(tuple(chunked[n : n + 5_000] for n in range(0, len(chunked), 5_000))), True),
        "compressed": (posted(encoded, Content_Encoding="gzip"), True),
        "behind a file": (Request("/in", form, kind), True),
    }


SMALL = small(KEY)
LARGE = large(KEY)
URLS = ("query", "path", "escaped in the path")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, compiled: Path, trust: Trust) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("carriers") / "home", compiled, trust, CONFIG)
    yield made
    made.close()
    assert KEY not in made.plain.arrived() + made.secure.arrived()


@pytest.fixture
def lab(shared: Lab) -> Lab:
    shared.forget()
    return shared


@pytest.mark.parametrize(
    ("road", "name"),
    [(road, name) for road in ("forward", "intercept", "reverse") for name in SMALL]
    + [("fetch", name) for name in URLS],
)
def test_a_secret_does_not_leave(road: str, name: str, lab: Lab) -> None:
    reply = lab.ask(road, SMALL[name])
    assert (reply.status, reply.reason) == (403, "dlp_match")
    assert KEY not in reply.body
    (record,) = lab.refusals()
    assert record["transport"] == road
    assert SECRET not in json.dumps(record)
    assert lab.origin(road).seen == []


@pytest.mark.parametrize("road", ["forward", "intercept", "reverse"])
@pytest.mark.parametrize("name", LARGE)
def test_nor_does_it_in_a_body_that_flows(road: str, name: str, lab: Lab) -> None:
    request, begins = LARGE[name]
    reply = lab.ask(road, request)
    assert (reply.status, reply.reason) == (403, "dlp_match")
    lab.refusals()
    arrived = lab.origin(road).seen
    assert len(arrived) <= begins
    assert not any(one.complete for one in arrived)


@pytest.mark.parametrize("road", ["forward", "intercept", "reverse"])
def test_the_same_without_a_secret_arrives_as_it_was(road: str, lab: Lab) -> None:
    """What is refused above is refused for the secret alone."""
    harmless = small(b"nothing")
    del harmless["basic authorization"]  # a login, whatever the password is
    requests = [*harmless.values(), *[request for request, _ in large(b"nothing").values()]]
    for request in requests:
        assert lab.ask(road, request).status == 200, request.path
    arrived = lab.origin(road).seen
    assert [one.complete for one in arrived] == [True] * len(requests)
    for one, request in zip(arrived, requests, strict=True):
        sent = b"".join(request.body) if isinstance(request.body, tuple) else request.body or b""
        coding = request.headers.get("Content-Encoding", "")
        for name in reversed(coding.split(", ")):
            unpack = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstandard.decompress}.get(name)
            sent = unpack(sent) if unpack else sent
        assert bytes(one.body) == sent
        assert "content-encoding" not in one.headers
    lab.refusals(0)
