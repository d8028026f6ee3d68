"""What is inside an opened tunnel, as conversations. TLS itself is tested where it lives."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pipelock.detect.hosts import HostSet
from pipelock.engine import Policy
from pipelock.engine.egress import EgressRule, EgressRules
from pipelock.model import Kind, Transport, Verdict
from pipelock.proxy.intercept import ACCESS_DENIED
from pipelock.proxy.interception import Interception
from pipelock.proxy.limits import HELLO_SECONDS, IDLE_SECONDS
from tests.factories import FAKE_KEY, FAKE_ORDER, a_policy
from tests.proxy.house import Caller, House, ok
from tests.proxy.test_tunnel import hello


def opened(
    passthrough: tuple[str, ...] = (), port: int = 80, policy: Policy | None = None, **settings: Any
) -> tuple[House, Caller]:
    """A client that has a tunnel to example.com."""
    house = House(policy, **settings)
    authority: Any = SimpleNamespace()  # nobody speaks TLS here
    house.context.interception = Interception(authority, HostSet(passthrough))
    client = house.caller()
    client.says(b"CONNECT example.com:%d HTTP/1.1\r\nHost: example.com:%d\r\n\r\n" % (port, port))
    return house, client


def inside(client: Caller, data: bytes) -> bytes:
    """Say `data` in the tunnel; what came back."""
    client.line.clear()
    client.says(data)
    return client.heard


def get(path: str = "/", host: str = "example.com", extra: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n".encode()


def test_the_tunnel_opens_without_anything_being_dialled() -> None:
    house, client = opened()
    assert client.heard == b"HTTP/1.1 200 Connection Established\r\n\r\n"
    assert not house.dials


def test_requests_in_the_clear_are_judged_one_by_one_and_go_to_the_judged_address() -> None:
    house, client = opened()
    inside(client, get("/one"))
    house.dials[0].answer().says(ok(b"first"))
    assert client.heard.endswith(b"first")
    assert house.dials[0].heard.startswith(b"GET /one HTTP/1.1\r\nhost: example.com\r\n")
    inside(client, get("/two"))
    house.dials[0].says(ok(b"second"))
    assert client.heard.endswith(b"second")
    seen = [(record.action.kind, record.action.transport) for record in house.records]
    assert seen == [
        (Kind.CONNECT, Transport.CONNECT),
        (Kind.CLIENT_HELLO, Transport.CONNECT),
        *[(Kind.REQUEST, Transport.INTERCEPT), (Kind.RESPONSE, Transport.INTERCEPT)] * 2,
    ]
    assert house.records[2].action.url == "http://example.com/one"


def ruled(action: Verdict, default: Verdict = Verdict.ALLOW, **conditions: Any) -> Policy:
    """One egress rule."""
    return a_policy(egress=EgressRules([EgressRule(name="rule", action=action, **conditions)], default))


@pytest.mark.parametrize("conditions", [{"path": "/v1/*"}, {"methods": frozenset({"POST"})}])
def test_rules_by_path_and_method_hold_inside_and_do_not_close_the_tunnel(conditions: dict[str, Any]) -> None:
    house, client = opened(policy=ruled(Verdict.ALLOW, Verdict.BLOCK, **conditions))
    assert client.heard.startswith(b"HTTP/1.1 200 ")
    request = b"POST /v1/x HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n"
    inside(client, request)
    house.dials[0].answer().says(ok(b"fine"))
    assert client.heard.endswith(b"fine")
    assert inside(client, get("/v2/x")).startswith(b"HTTP/1.1 403 ")
    assert len(house.dials) == 1


@pytest.mark.parametrize("conditions", [{}, {"hosts": HostSet(["example.com"])}, {"path": "/v1/*"}])
def test_a_person_is_asked_about_the_requests_and_not_about_the_tunnel_as_well(conditions: dict[str, Any]) -> None:
    house, client = opened(policy=ruled(Verdict.ASK, **conditions))
    assert client.heard.startswith(b"HTTP/1.1 200 ")
    inside(client, get("/v1/x"))
    assert [pending.action.kind for pending in house.approvals.waiting()] == [Kind.REQUEST]
    assert not house.dials


def test_a_person_is_asked_about_a_tunnel_that_stays_closed() -> None:
    house, _ = opened(("example.com",), policy=ruled(Verdict.ASK))
    assert [pending.action.kind for pending in house.approvals.waiting()] == [Kind.CONNECT]
    assert not house.dials


def test_what_was_judged_as_a_tunnel_that_is_read_is_read_whatever_is_reloaded() -> None:
    house = House(ruled(Verdict.ASK))
    house.slow_names = True
    authority: Any = SimpleNamespace()
    house.context.interception = Interception(authority, HostSet())
    client = house.caller()
    client.says(b"CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n")
    house.context.interception = None
    house.go_on()
    assert client.heard.startswith(b"HTTP/1.1 200 ")
    assert not house.dials
    inside(client, get())
    assert [pending.action.kind for pending in house.approvals.waiting()] == [Kind.REQUEST]


def test_what_was_sent_with_the_connect_is_read_too() -> None:
    house = House()
    authority: Any = SimpleNamespace()
    house.context.interception = Interception(authority, HostSet())
    house.caller().says(b"CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n" + get("/early"))
    assert house.dials[0].answer().heard.startswith(b"GET /early")


@pytest.mark.parametrize("said", [hello("other.example"), b"\x16\x03\x01\x00\x00"], ids=["another", "malformed"])
def test_a_refused_handshake_is_told_so_by_an_alert(said: bytes) -> None:
    house, client = opened(port=443)
    assert inside(client, said) == ACCESS_DENIED
    assert client.line.is_closing
    client.leaves()
    house.assert_nothing_is_left()


@pytest.mark.parametrize("host", ["evil.example", "example.com:8080", "www.example.com", "EXAMPLE.COM.evil.example"])
def test_another_host_than_the_tunnels_is_refused(host: str) -> None:
    house, client = opened()
    heard = inside(client, get(host=host))
    assert heard.startswith(b"HTTP/1.1 403")
    assert b"x-pipelock-block-reason: authority_mismatch" in heard
    assert not house.dials


@pytest.mark.parametrize("host", ["example.com", "EXAMPLE.com", "example.com.", "example.com:8443"])
def test_the_tunnels_own_host_may_be_spelled_as_clients_do(host: str) -> None:
    house, client = opened(port=8443)
    inside(client, get(host=host))
    assert (house.dials[0].address, house.dials[0].port) == ("93.184.215.14", 8443)
    assert b"host: example.com:8443\r\n" in house.dials[0].answer().heard


@pytest.mark.parametrize("target", ["https://example.com/", "http://evil.example/"])
def test_an_absolute_url_must_be_of_the_tunnel(target: str) -> None:
    house, client = opened()
    host = target.split("/")[2]
    heard = inside(client, f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert heard.startswith((b"HTTP/1.1 403", b"HTTP/1.1 400"))
    assert not house.dials


def test_a_tunnel_in_a_tunnel_is_refused() -> None:
    house, client = opened()
    heard = inside(client, b"CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 403")
    assert not house.dials


def test_a_secret_inside_does_not_leave_and_the_client_is_told() -> None:
    house, client = opened()
    inside(client, get(extra=f"Authorization: Bearer {FAKE_KEY}\r\n"))
    assert client.heard.startswith(b"HTTP/1.1 403")
    assert b"x-pipelock-block-reason: dlp_match" in client.heard
    assert not house.dials


def test_an_order_inside_does_not_arrive() -> None:
    house, client = opened()
    inside(client, get())
    house.dials[0].answer().says(ok(FAKE_ORDER.encode()))
    assert house.records[-1].decision.verdict is Verdict.BLOCK
    assert FAKE_ORDER.encode() not in client.heard


@pytest.mark.parametrize("said", [b"SSH-2.0-x\r\n", b"\x00\x00\x00\x01", b"\x16\x03\x01\x00\x00"])
def test_what_nobody_can_read_is_refused(said: bytes) -> None:
    house, client = opened()
    client.says(said)
    assert client.line.is_closing
    assert house.records[-1].action.kind is Kind.CLIENT_HELLO
    assert house.records[-1].decision.verdict is Verdict.BLOCK
    assert not house.dials


def test_a_host_that_is_passed_through_gets_an_ordinary_tunnel() -> None:
    house, client = opened(passthrough=("example.com",))
    assert len(house.dials) == 1
    house.dials[0].answer()
    client.says(b"SSH-2.0-x\r\n")
    assert house.dials[0].heard == b"SSH-2.0-x\r\n"


@pytest.mark.parametrize(("said", "seconds"), [(b"", 121), (b"GET /", HELLO_SECONDS + 1)])
def test_a_tunnel_in_which_nothing_is_said_is_closed(said: bytes, seconds: float) -> None:
    house, client = opened()
    if said:
        client.says(said)
    house.wait(seconds)
    assert client.line.is_closing
    client.leaves()
    house.assert_nothing_is_left()


def test_a_client_that_leaves_the_open_tunnel_leaves_nothing_behind() -> None:
    house, client = opened()
    inside(client, get())
    house.dials[0].answer().says(ok(b"x"))
    client.leaves()
    house.wait(IDLE_SECONDS * 2)
    house.assert_nothing_is_left()
