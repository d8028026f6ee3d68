"""Parts are asked for of archives alone."""

from __future__ import annotations

import pytest

from pipelock.proxy.bodies.ranges import may_ask_for_part

WHEEL = "/packages/ab/cd/thing-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (WHEEL, "bytes=0-99"),
        (WHEEL, "bytes=1000-"),
        (WHEEL, "Bytes=-20000"),
        ("/model.SafeTensors?download=true", "bytes=5-"),
        ("/debian/pool/main/c/curl/curl_8.0_amd64.deb", "bytes=5-"),
        ("/store/0f3a?sig=x&disposition=attachment%3B%20filename%3D%22weights.gguf%22%3B&y=1", "bytes=5-"),
        ("/store/0f3a?disposition=filename=a.zip", "bytes=5-"),
    ],
)
def test_it_is_passed_on(path: str, value: str) -> None:
    assert may_ask_for_part("GET", path, [("accept", "*/*"), ("range", value), ("if-range", '"tag"')])


@pytest.mark.parametrize(
    ("method", "path", "values"),
    [
        ("GET", WHEEL, []),
        ("POST", WHEEL, ["bytes=0-99"]),
        ("GET", WHEEL, ["bytes=0-99", "bytes=100-"]),
        ("GET", WHEEL, ["bytes=0-9,20-29"]),
        ("GET", WHEEL, ["bytes=-"]),
        ("GET", WHEEL, ["bytes=a-b"]),
        ("GET", WHEEL, ["bytes=1-2-3"]),
        ("GET", WHEEL, ["bytes 1-2"]),
        ("GET", WHEEL, ["lines=1-2"]),
        ("GET", WHEEL, ["bytes=٣-٤"]),
        ("GET", WHEEL, ["bytes=" + "1" * 20 + "-"]),
        ("GET", "/page.html", ["bytes=10-"]),
        ("GET", "/picture.png", ["bytes=10-"]),
        ("GET", "/report.pdf", ["bytes=10-"]),
        ("GET", "/a.zip/readme", ["bytes=10-"]),
        ("GET", "/readme?name=a.zip", ["bytes=10-"]),
        ("GET", "/readme?x=filename%3Dreadme.md%3B.zip", ["bytes=10-"]),
        ("GET", "/" + "a" * 9000 + ".zip", ["bytes=10-"]),
    ],
)
def test_it_is_not(method: str, path: str, values: list[str]) -> None:
    assert not may_ask_for_part(method, path, [("range", value) for value in values])
