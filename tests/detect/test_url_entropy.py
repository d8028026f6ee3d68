"""Opaque data in path, query and host names, beside the traffic that looks like it."""

from __future__ import annotations

import pytest

from pipelock.detect.url_entropy import opaque_part, opaque_subdomain
from pipelock.detect.url_view import UrlView, parse_url, split_url

DATA = "x9KqT2vLmW8sRz4YbN7cJ1pF6hD3gA5e"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="


def view_of(url: str) -> UrlView:
    return parse_url(split_url(url))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (f"https://a.example/x/{DATA}/y", "url:path"),
        (f"https://a.example/x/{DATA[:16]}%{ord(DATA[16]):02x}{DATA[17:]}", "url:path"),
        (f"https://a.example/?d={DATA}", "url:query"),
        (f"https://a.example/?{DATA}", "url:query"),
        (f"https://a.example/?{DATA}=1", "url:query"),
        (
            f"https://a.example/?d=the-quick-brown-fox.jumps-over-the-lazy-dog.{DATA}.again-and-again-and-again",
            "url:query",
        ),
        ("https://a.example/?" + "&".join(f"a{number}=1" for number in range(600)) + f"&z={DATA}", "url:query"),
        (f"https://a.example/?sig={DATA}", "url:query"),
        (f"https://a.example/?state={DATA * 9}", "url:query"),
        (f"https://a.example/?img=iVBORw0KGgo{DATA}", "url:query"),
    ],
)
def test_opaque(url: str, place: str) -> None:
    found, entropy = opaque_part(view_of(url), 4.5, path=True, query=True)
    assert found == place
    assert entropy > 4.0


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/",
        "https://github.com/o/r/commit/da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "https://api.example/v1/items/550e8400-e29b-41d4-a716-446655440000/history",
        "https://files.pythonhosted.org/packages/3a/be/650f9c091ef71cb01d735775d554e068752d3ff63d7943b26316dc401749/numpy-2.1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "https://cdn.example/assets/vendor.3f2a1b4c5d6e7f80.min.js",
        "https://registry.npmjs.org/@babel/plugin-transform-modules-commonjs/-/plugin-transform-modules-commonjs-7.24.1.tgz",
        "https://blog.example/2024/05/17/how-we-moved-our-largest-service-to-kubernetes-without-downtime",
        "https://search.example/?q=Why+does+my+program+print+%22None%22+after+the+list%3F",
        "https://search.example/?q=%E5%AE%89%E5%85%A8%E3%81%AA%E3%83%91%E3%82%B9%E3%83%AF%E3%83%BC%E3%83%89%E3%81%AE%E4%BD%9C%E3%82%8A%E6%96%B9%E3%81%AB%E3%81%A4%E3%81%84%E3%81%A6",
        f"https://api.example/list?next_token={DATA}",
        f"https://login.example/authorize?state={DATA}&code_challenge={DATA}",
        f"https://form.example/?csrf_token={DATA}",
        f"https://img.example/?data={PIXEL}",
        f"https://img.example/?data=data:image/png;base64,{PIXEL}",
        f"https://b.s3.amazonaws.com/k?X-Amz-Signature={'0a1b2c3d' * 8}&X-Amz-Security-Token={DATA * 20}",
        f"https://x.blob.core.windows.net/c/f?sv=2022-11-02&sig={DATA}%3D",
    ],
)
def test_ordinary(url: str) -> None:
    assert opaque_part(view_of(url), 4.5, path=True, query=True) == ("", 0.0)


def test_each_side_can_be_left_out() -> None:
    view = view_of(f"https://a.example/{DATA}?d={DATA}")
    assert opaque_part(view, 4.5, path=False, query=True)[0] == "url:query"
    assert opaque_part(view, 4.5, path=True, query=False)[0] == "url:path"
    assert opaque_part(view, 4.5, path=False, query=False) == ("", 0.0)


@pytest.mark.parametrize(
    "host",
    [
        "JBSWY3DPEBLW64TMMQQQ.x.evil.example",
        "jbswy3dpeblw64tmmqqq.x.evil.co.uk",
        "c2VjcmV0LXRva2VuLXZhbHVl.t.evil.example",
        "73656372657431.x.evil.example",
        "4a6f686e446f.65536563.x.evil.example",
        "deadbe01.cafe5678.0badf00d.evil.example",
        "deadbe01.cafe5678.a.b.evil.example",
        "73656372.65742d31.evil.example",
        "x9kqt2vlmw8srz4ybn7cj1pf6hd3ga5e.evil.example",
        "aB3xK9mQ7pL2.evil.example",
        f"{DATA}.evil.example",
    ],
)
def test_data_in_host_labels(host: str) -> None:
    assert opaque_subdomain(view_of(f"https://{host}/"), 4.0) > 0


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "www.example.com",
        "cdnjs.cloudflare.com",
        "files.pythonhosted.org",
        "release-assets.githubusercontent.com",
        "d111111abcdef8.cloudfront.net",
        "my-project-git-feature-branch-my-team.vercel.app",
        "documentation.internal.example.com",
        "ec2-203-0-113-25.compute-1.amazonaws.com",
        "us-central1-aiplatform.googleapis.com",
        "login.microsoftonline.com",
        "customer-portal-staging.eu-west-1.example.com",
        "20240517.builds.example.com",
        "api-1234.example.com",
        "xn--80ak6aa92e.sub.example.com",
        "127.0.0.1",
        "a1b2c3d4.preview.example.com",
    ],
)
def test_ordinary_hosts(host: str) -> None:
    assert opaque_subdomain(view_of(f"https://{host}/"), 4.0) == 0.0
