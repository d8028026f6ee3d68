"""Caught connections, as conversations."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.hosts import HostSet
from pipelock.engine import Policy
from pipelock.engine.egress import EgressRule, EgressRules
from pipelock.identity import Caller
from pipelock.model import Answer, AnswerWord, HandedKind, Kind, Transport, Verdict
from pipelock.proxy.fake_dns import FakeNames
from pipelock.proxy.intercept import ACCESS_DENIED
from pipelock.proxy.interception import Interception
from pipelock.proxy.limits import HEAD_SECONDS, MAX_CONNECTIONS
from pipelock.proxy.raw_tcp import RawTcp
from pipelock.proxy.transparent import SILENT_SECONDS, TransparentConnection, original_destination
from pipelock.tls.authority import AuthorityError
from tests.factories import FAKE_KEY, a_policy
from tests.proxy.house import ADDRESSES, House, ok
from tests.proxy.inside import KEY, Inside
from tests.proxy.lines import Line
from tests.proxy.test_tunnel import hello

PUBLIC = "93.184.216.34"


def _no_certificate(_host: str) -> None:
    raise AuthorityError("nobody signs here")


def caught(
    place: str = "example.com", port: int = 443, *, policy: Policy | None = None, reads: bool = False, **settings: Any
) -> tuple[House, Inside]:
    """A client that connects to a name (by the address that it was told) or to an address."""
    house = House(policy, **settings)
    if reads:
        authority: Any = SimpleNamespace(context_for=_no_certificate)
        house.context.interception = Interception(authority, HostSet(["closed.example"]))
    names = FakeNames()
    address = names.address_of(place) if "example" in place else place
    return house, Inside(house, HandedKind.TRANSPARENT, address, port, names)


def get(path: str = "/", host: str = "example.com") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def told(house: House) -> list[tuple[Kind, str, str]]:
    return [(record.action.kind, record.action.url, record.decision.verdict.value) for record in house.records]


def asking() -> Policy:
    return a_policy(egress=EgressRules([EgressRule(name="rule", action=Verdict.ASK)], Verdict.ALLOW))


def closed(house: House, client: Inside) -> None:
    client.leaves()
    for dial in house.dials:
        if dial.protocol is not None:
            dial.hangs_up()
    house.assert_nothing_is_left()


# -- HTTP ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reads", [False, True])
def test_requests_in_the_clear_are_read_as_if_they_had_come_to_the_proxy(reads: bool) -> None:
    house, client = caught(port=8080, reads=reads)
    client.drips(get("/one", "example.com:8080"))
    assert (house.dials[0].address, house.dials[0].port) == (ADDRESSES[0], 8080)
    house.dials[0].answer().says(ok(b"first"))
    assert client.heard.endswith(b"first")
    assert house.dials[0].heard.startswith(b"GET /one HTTP/1.1\r\nhost: example.com:8080\r\n")
    client.says(get("/two"))  # some clients leave the port out
    house.dials[0].says(ok(b"second"))
    assert client.heard.endswith(b"second")
    assert told(house)[::2] == [
        (Kind.REQUEST, "http://example.com:8080/one", "allow"),
        (Kind.REQUEST, "http://example.com:8080/two", "allow"),
    ]
    action = house.records[0].action
    assert (action.transport, action.session, action.agent) == (Transport.FORWARD, KEY, "tester")
    client.leaves()
    house.wait(100)
    house.assert_nothing_is_left()


@pytest.mark.parametrize(
    ("place", "request_bytes", "status"),
    [
        ("example.com", get(host="other.example"), b"403"),
        ("example.com", get(host="example.com:81"), b"403"),
        ("example.com", get(host=PUBLIC), b"403"),
        ("example.com", b"GET https://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n", b"403"),
        ("example.com", b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", b"403"),
        (PUBLIC, b"CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: 10.0.0.1:443\r\n\r\n", b"403"),
        ("example.com", b"GET / HTTP/1.0\r\n\r\n", b"403"),
        (PUBLIC, get(host="93.184.216.35"), b"403"),
        (PUBLIC, get(host="example.com:81"), b"403"),
        ("198.18.7.7", get(), b"421"),
        ("10.1.2.3", get(host="10.1.2.3"), b"403"),
        ("169.254.169.254", get(host="169.254.169.254"), b"403"),
        ("example.com", get(f"/{FAKE_KEY}"), b"403"),
        ("example.com", b"GET / HTTP/1.1\r\nHost : example.com\r\n\r\n", b"400"),
        ("example.com", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
    ],
)
def test_what_no_request_may_say_here_is_answered_with_a_reason(
    place: str, request_bytes: bytes, status: bytes
) -> None:
    house, client = caught(place, 80)
    client.says(request_bytes)
    assert client.heard.startswith(b"HTTP/1.1 " + status)
    assert not house.dials
    assert house.records[-1].decision.verdict is Verdict.BLOCK
    closed(house, client)


def test_who_connects_to_an_address_and_names_a_host_means_the_host() -> None:
    house, client = caught(PUBLIC, 80)
    client.says(get("/x"))
    assert house.dials[0].address == ADDRESSES[0]
    assert told(house) == [(Kind.REQUEST, "http://example.com/x", "allow")]
    house, client = caught(PUBLIC, 80)
    client.says(get("/x", PUBLIC))
    assert told(house) == [(Kind.REQUEST, f"http://{PUBLIC}/x", "allow")]


def test_a_rule_about_a_host_is_not_got_around_by_its_address() -> None:
    rules = EgressRules([EgressRule(name="no", action=Verdict.BLOCK, hosts=HostSet(["example.com"]))], Verdict.ALLOW)
    for port, data in ((80, get()), (443, hello("example.com"))):
        house, client = caught(PUBLIC, port, policy=a_policy(egress=rules))
        client.says(data)
        assert not house.dials
        assert [record.decision.rule for record in house.records] == ["no"]


# -- TLS -------------------------------------------------------------------------------------------------------------


def test_a_handshake_is_carried_byte_for_byte_once_the_tunnel_is_judged() -> None:
    house, client = caught()
    data = hello("example.com")
    client.drips(data)
    origin = house.dials[0].answer()
    assert origin.heard == data
    assert client.heard == b""  # nobody waits to be told that the tunnel is open
    origin.says(b"server hello")
    assert client.heard == b"server hello"
    assert told(house) == [
        (Kind.CONNECT, "https://example.com:443/", "allow"),
        (Kind.CLIENT_HELLO, "https://example.com:443/", "allow"),
    ]
    assert house.records[0].action.method == "CONNECT"
    closed(house, client)
    assert len(house.closed) == 1


@pytest.mark.parametrize(
    ("place", "name", "host"),
    [(PUBLIC, "example.com", "example.com"), (PUBLIC, None, PUBLIC), ("::ffff:93.184.216.34", None, PUBLIC)],
)
def test_the_name_in_a_handshake_to_an_address_is_what_is_judged_and_dialled(
    place: str, name: str | None, host: str
) -> None:
    house, client = caught(place)
    client.says(hello(name))
    assert house.records[0].action.host == host
    assert house.dials[0].address == (ADDRESSES[0] if name else PUBLIC)


@pytest.mark.parametrize(
    ("place", "data"),
    [
        ("198.18.7.7", hello("example.com")),
        ("10.1.2.3", hello(None)),
        ("evil.example", hello("evil.example")),
        ("example.com", hello("exa mple.com")),
        ("example.com", b"\x16\x03\x01\x00\x00"),
    ],
    ids=["no name any more", "private", "by a rule", "no host name", "empty record"],
)
def test_a_refused_handshake_is_told_so_by_an_alert(place: str, data: bytes) -> None:
    rules = EgressRules([EgressRule(name="no", action=Verdict.BLOCK, hosts=HostSet(["evil.example"]))], Verdict.ALLOW)
    house, client = caught(place, policy=a_policy(egress=rules))
    client.says(data)
    assert client.heard == ACCESS_DENIED
    assert client.line.is_closing
    assert not house.dials
    assert house.records[-1].decision.verdict is Verdict.BLOCK
    closed(house, client)


@pytest.mark.parametrize("reads", [False, True])
def test_another_name_than_the_address_stands_for_ends_the_tunnel(reads: bool) -> None:
    house, client = caught(reads=reads)
    client.says(hello("other.example"))
    for dial in house.dials:
        assert dial.answer().heard == b""
    assert house.records[-1].decision.verdict is Verdict.BLOCK
    assert client.line.is_closing
    assert client.heard == (ACCESS_DENIED if reads else b"")
    closed(house, client)


def test_a_tunnel_that_is_read_dials_nothing_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: list[Any] = []
    monkeypatch.setattr("pipelock.proxy.intercept.start_tls", lambda *args: spoken.append(args))
    house, client = caught(reads=True)
    signs: Any = SimpleNamespace(context_for=lambda _host: None)
    house.context.interception = Interception(signs, HostSet())
    client.says(hello("example.com"))
    assert len(spoken) == 1
    assert spoken[0][2] == hello("example.com")
    assert not house.dials
    assert client.heard == b""
    assert [record.action.kind for record in house.records] == [Kind.CONNECT, Kind.CLIENT_HELLO]


def test_a_person_may_take_as_long_as_the_client_waits_and_is_not_asked_in_vain() -> None:
    house, client = caught(policy=asking())
    data = hello("example.com")
    client.says(data[:40])
    client.says(data[40:])
    house.wait(30)
    pending = house.approvals.waiting()[0]
    assert pending.action.host == "example.com"
    client.says(b"more")
    house.door.answer(pending.id, Answer(AnswerWord.ALLOW))
    assert house.dials[0].answer().heard == data + b"more"
    house, client = caught(policy=asking())
    client.says(data)
    client.finishes()
    client.leaves()
    assert not house.approvals.waiting()
    house.assert_nothing_is_left()


def test_who_says_too_much_before_the_tunnel_is_open_is_not_read() -> None:
    house, client = caught(policy=asking())
    client.says(hello("example.com"))
    assert client.line.producerState == "producing"
    client.says(bytes(70_000))
    assert client.line.producerState == "paused"
    house.door.answer(house.approvals.waiting()[0].id, Answer(AnswerWord.ALLOW))
    assert len(house.dials[0].answer().heard) > 70_000
    assert client.line.producerState == "producing"


def test_nobody_at_the_other_end_is_a_reset() -> None:
    house, client = caught()
    client.says(hello("example.com"))
    for _ in ADDRESSES:
        house.dials[-1].refuse()
        house.wait(1)
    assert client.heard == b""
    assert client.line.is_closing
    assert len(house.errors) == 1
    closed(house, client)


def test_too_many_tunnels_are_a_reset() -> None:
    house, client = caught()
    house.context.max_tunnels = 0
    client.says(hello("example.com"))
    assert client.line.is_closing
    assert house.errors == ["too many active tunnels"]
    closed(house, client)


# -- neither ---------------------------------------------------------------------------------------------------------

SSH = b"SSH-2.0-OpenSSH_9.2\r\n"


def test_what_is_neither_is_carried_where_tunnels_are_not_read() -> None:
    house, client = caught("git.example", 22)
    client.says(SSH)
    assert house.dials[0].answer().heard == SSH
    closed(house, client)


def test_what_is_neither_is_refused_where_they_are_and_the_reason_names_the_key() -> None:
    house, client = caught("git.example", 22, reads=True)
    client.says(SSH)
    assert not house.dials
    assert client.line.is_closing
    assert client.heard == b""
    assert "forward_proxy.raw_tcp" in house.records[0].decision.reason
    closed(house, client)


def test_what_is_declared_is_dialled_at_once_and_the_server_may_speak_first() -> None:
    house, client = caught("git.example", 22, reads=True, raw_tcp=RawTcp(["git.example:22"]))
    origin = house.dials[0].answer()
    origin.says(b"SSH-2.0-server\r\n")
    assert client.heard == b"SSH-2.0-server\r\n"
    client.says(SSH)
    assert origin.heard == SSH
    assert told(house) == [(Kind.CONNECT, "https://git.example:22/", "allow")]
    closed(house, client)


@pytest.mark.parametrize(
    "data",
    [b"EHLO me\r\n", hello("git.example"), b"\x00\x00\x00\x08", b"GET / HTTP/1.1\r\n\r\n"],
    ids=["text", "TLS", "binary", "HTTP"],
)
def test_port_22_is_for_ssh(data: bytes) -> None:
    house, client = caught("git.example", 22, reads=True, raw_tcp=RawTcp(["*.example:22"]), sni_verification=False)
    origin = house.dials[0].answer()
    client.says(data)
    assert origin.heard == b""
    assert client.line.is_closing
    assert "raw_tcp" in house.records[-1].decision.reason or "plain HTTP" in house.records[-1].decision.reason
    closed(house, client)


def test_a_client_that_waits_for_the_server_gets_its_tunnel_where_tunnels_are_not_read() -> None:
    house, client = caught("mail.example", 25)
    house.wait(SILENT_SECONDS - 0.1)
    assert not house.dials
    house.wait(0.2)
    house.dials[0].answer().says(b"220 hello\r\n")
    assert client.heard == b"220 hello\r\n"
    closed(house, client)


def test_http_that_comes_late_does_not_pass_unread_whatever_is_verified() -> None:
    house, client = caught("mail.example", 25, sni_verification=False)
    house.wait(SILENT_SECONDS + 0.1)
    origin = house.dials[0].answer()
    client.says(get(host="mail.example"))
    assert origin.heard == b""
    assert client.line.is_closing
    closed(house, client)


@pytest.mark.parametrize(
    ("port", "reads", "records"), [(25, True, 1), (443, True, 0), (80, True, 0), (443, False, 0), (80, False, 0)]
)
def test_silence_ends_and_is_told_of_where_it_is_not_usual(port: int, reads: bool, records: int) -> None:
    house, client = caught(port=port, reads=reads)
    house.wait(HEAD_SECONDS + 1)
    assert client.line.is_closing
    assert len(house.records) == records
    assert not house.dials
    closed(house, client)


def test_half_a_first_line_ends_too() -> None:
    house, client = caught()
    client.says(hello("example.com")[:20])
    house.wait(HEAD_SECONDS + 1)
    assert client.line.is_closing
    assert not house.records
    closed(house, client)


def test_what_was_said_before_a_fin_still_arrives() -> None:
    house, client = caught("log.example", 514)
    client.says(b"\x00line")
    client.finishes()
    origin = house.dials[0].answer()
    assert origin.heard == b"\x00line"
    house.clock.advance(0)
    assert origin.line.half_closed
    closed(house, client)


def test_who_leaves_without_a_word_leaves_nothing() -> None:
    house, client = caught("mail.example", 25)
    client.finishes()
    assert client.line.is_closing
    closed(house, client)
    house.wait(SILENT_SECONDS)
    assert not house.records


_PIECES = st.sampled_from(
    [get(), get("/x", "example.com:8443"), get(host="other.example"), hello("example.com"), hello(None), hello("o.example"),
     SSH, b"\x16\x03\x01", b"\x00\x01\x02", b"GET ", b"HTTP/1.1\r\n", b"\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n"]
)  # fmt: skip


@given(
    st.lists(st.one_of(_PIECES, st.binary(max_size=40)), min_size=1, max_size=5),
    st.sampled_from(["example.com", PUBLIC, "198.18.7.7"]),
    st.booleans(),
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_said_nothing_is_dialled_unjudged_and_nothing_is_left(
    pieces: list[bytes], place: str, reads: bool, sizes: list[int]
) -> None:
    house, client = caught(place, 8443, reads=reads)
    data = b"".join(pieces)
    at = turn = 0
    while at < len(data) and not client.line.is_closing:
        size = sizes[turn % len(sizes)]
        client.says(data[at : at + size])
        at, turn = at + size, turn + 1
    allowed = [record for record in house.records if record.decision.verdict is Verdict.ALLOW]
    judged = {(host, record.action.port) for record in allowed for host in (*ADDRESSES, record.action.host)}
    assert {(dial.address, dial.port) for dial in house.dials} <= judged
    if reads:
        # A tunnel that is read dials for requests alone.
        assert bool(house.dials) <= any(record.action.kind is Kind.REQUEST for record in allowed)
    if client.heard and not client.heard.startswith(b"\x15"):
        assert client.heard.startswith(b"HTTP/1.1 ")
    closed(house, client)


# -- where to ---------------------------------------------------------------------------------------------------------


class Redirected:
    """A connection that netfilter led elsewhere."""

    def __init__(self, family: int, answer: bytes) -> None:
        self.family = family
        self._answer = answer
        self.asked: tuple[int, int, int] | None = None

    def getHandle(self) -> Any:
        return self

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        self.asked = level, option, size
        if not self._answer:
            raise OSError(2, "No such file or directory")
        return self._answer


def test_the_kernel_tells_where_a_redirected_connection_wanted_to_go() -> None:
    four: Any = Redirected(socket.AF_INET, b"\x02\x00\x1f\x90" + bytes([93, 184, 216, 34]) + bytes(8))
    assert original_destination(four) == ("93.184.216.34", 8080)
    assert four.asked == (socket.IPPROTO_IP, 80, 16)
    address = socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    six: Any = Redirected(socket.AF_INET6, b"\x0a\x00\x1f\x90" + bytes(4) + address + bytes(4))
    assert original_destination(six) == ("2001:db8::7", 8080)
    assert six.asked == (socket.IPPROTO_IPV6, 80, 28)


def test_who_was_not_redirected_goes_nowhere() -> None:
    house = House()
    connection = TransparentConnection(house.context, Caller("127.0.0.1"), FakeNames(), original_destination)
    line = Line()
    stranger: Any = Redirected(socket.AF_INET, b"")
    line.getHandle = stranger.getHandle  # type: ignore[attr-defined]
    connection.makeConnection(line)  # type: ignore[no-untyped-call]
    assert line.is_closing


# -- where nobody goes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "ff02::1"])
def test_loopback_inside_is_not_the_hosts(place: str) -> None:
    house = House()
    client = Inside(house, HandedKind.TRANSPARENT, place, 80)
    assert client.line.is_closing
    assert not house.records


@pytest.mark.parametrize("data", [get(), hello("example.com"), b"\x00"], ids=["HTTP", "TLS", "binary"])
def test_without_forwarding_nothing_is_carried(data: bytes) -> None:
    house, client = caught(forward_enabled=False)
    client.says(data)
    assert not house.dials
    assert "forward_proxy.enabled" in house.records[0].decision.reason
    closed(house, client)


def test_the_kill_switch_stops_them_all() -> None:
    for data in (get(), hello("example.com"), b"\x00"):
        house, client = caught()
        house.kill.set_api(True)
        client.says(data)
        assert not house.dials
        assert client.line.is_closing or client.heard.startswith(b"HTTP/1.1 503")


class Busy:
    is_idle = False
    deadline = float("inf")

    def expired(self) -> None: ...
    def drain(self) -> None: ...
    def abort(self) -> None: ...


def test_the_silent_ones_make_room() -> None:
    house, client = caught()
    for _ in range(MAX_CONNECTIONS - 1):
        house.context.connections[Busy()] = None
    Inside(house, HandedKind.TRANSPARENT, PUBLIC, 80)
    assert client.line.is_closing
