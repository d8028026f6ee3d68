"""How many connections there may be, and what happens to a request for which there is no room."""

from __future__ import annotations

import gc
import weakref

import pytest

from pipelock.proxy import upstream
from pipelock.proxy.limits import MAX_PER_ORIGIN, MAX_UPSTREAMS, MAX_WAITING, REUSE_UNSAFE_SECONDS, WAIT_SECONDS
from pipelock.proxy.upstream import Origin
from tests.proxy.far_side import HTTP, TWO, Asker, FarSide, get, ok, post

OK = ok()
OTHER = Origin("http", "other.example", 80)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for three connections, two of one origin, and for two that wait."""
    monkeypatch.setattr(upstream, "MAX_UPSTREAMS", 3)
    monkeypatch.setattr(upstream, "MAX_PER_ORIGIN", 2)
    monkeypatch.setattr(upstream, "MAX_WAITING", 2)


def answered(far: FarSide, number: int, answer: bytes = OK) -> None:
    dial = far.dials[number]
    if dial.protocol is None:
        dial.answer()
    dial.says(answer)


def test_the_limits_are_of_a_size_that_a_laptop_bears() -> None:
    assert MAX_PER_ORIGIN < MAX_UPSTREAMS <= 4096
    assert MAX_WAITING <= 4096
    assert WAIT_SECONDS <= 30


@pytest.mark.usefixtures("narrow")
def test_beyond_the_limit_of_an_origin_a_request_waits_for_one_of_its_connections() -> None:
    far = FarSide()
    far.ask(get("/1"))
    far.ask(get("/2"))
    waiting = far.ask(get("/3"))
    assert len(far.dials) == 2
    assert far.pool.waiting == 1
    answered(far, 0)
    assert far.pool.waiting == 0
    assert b"GET /3" in far.dials[0].heard
    answered(far, 0, ok(b"third"))
    assert waiting.body == b"third"
    assert len(far.dials) == 2
    assert len(far.pool) == 2


@pytest.mark.usefixtures("narrow")
def test_or_dials_anew_when_one_of_them_goes() -> None:
    far = FarSide()
    far.ask(get("/1"))
    far.ask(get("/2"))
    far.ask(get("/3"))
    answered(far, 0, ok(extra="Connection: close\r\n"))
    assert len(far.dials) == 3
    assert b"GET /3" in far.dials[2].answer().heard


@pytest.mark.usefixtures("narrow")
def test_first_come_first_served() -> None:
    far = FarSide()
    for number in range(4):
        far.ask(get(f"/{number}"))
    answered(far, 0)
    answered(far, 0)
    assert far.dials[0].heard.index(b"GET /2") < far.dials[0].heard.index(b"GET /3")


@pytest.mark.usefixtures("narrow")
def test_an_origin_that_is_full_keeps_nobody_else_waiting() -> None:
    far = FarSide()
    for number in range(3):
        far.ask(get(f"/{number}"))
    far.ask(get("/other"), OTHER)
    assert len(far.dials) == 3
    assert far.dials[2].answer().heard.startswith(b"GET /other")
    answered(far, 2)
    assert not far.dials[2].line.is_closing, "it is in nobody's way"


@pytest.mark.usefixtures("narrow")
def test_a_connection_to_an_address_that_was_not_judged_serves_nobody_who_waits() -> None:
    far = FarSide()
    far.ask(get("/1"))
    far.ask(get("/2"))
    far.ask(get("/3"), addresses=("192.0.2.9",))
    answered(far, 0)
    assert far.dials[0].line.is_closing
    assert far.dials[2].address == "192.0.2.9"


@pytest.mark.usefixtures("narrow")
def test_an_idle_connection_makes_room_for_another_origin() -> None:
    far = FarSide()
    for number in range(2):
        far.ask(get(f"/{number}"))
    far.ask(get(), OTHER)
    answered(far, 0)
    third = Origin("http", "third.example", 80)
    far.ask(get(), third)
    assert far.dials[0].line.is_closing
    assert len(far.dials) == 4
    assert len(far.pool) == 3


@pytest.mark.usefixtures("narrow")
def test_and_for_its_own_where_it_does_not_fit() -> None:
    far = FarSide()
    far.ask(get("/1"))
    far.ask(get("/2"))
    answered(far, 0)
    far.clock.advance(REUSE_UNSAFE_SECONDS)
    far.ask(post(b"once only"))
    assert far.dials[0].line.is_closing
    assert len(far.dials) == 3
    assert far.pool.waiting == 0
    assert len(far.pool) == 2


@pytest.mark.usefixtures("narrow")
def test_when_all_places_are_taken_the_oldest_that_waits_for_any_gets_the_next() -> None:
    far = FarSide()
    far.ask(get(), HTTP)
    far.ask(get(), HTTP)
    far.ask(get(), OTHER)
    third = Origin("http", "third.example", 80)
    far.ask(get("/third"), third)
    assert far.pool.waiting == 1
    answered(far, 2)
    assert far.dials[2].line.is_closing, "what it would keep is in the way"
    assert far.dials[3].answer().heard.startswith(b"GET /third")
    assert len(far.pool) == 3


@pytest.mark.usefixtures("narrow")
def test_who_waits_too_long_is_refused_with_a_reason() -> None:
    far = FarSide()
    far.ask(get())
    far.ask(get())
    waiting = far.ask(get())
    for dial in far.dials:
        dial.answer()
    far.wait(WAIT_SECONDS - 1)
    assert waiting.ends == []
    far.wait(1)
    assert waiting.status == 503
    assert waiting.why.startswith("2 connections to origin.example:80 and 2 in all are open")
    assert far.pool.waiting == 0


@pytest.mark.usefixtures("narrow")
def test_only_so_many_wait() -> None:
    far = FarSide()
    askers = [far.ask(get()) for _ in range(5)]
    assert [asker.status for asker in askers] == [0, 0, 0, 0, 503]
    assert "2 requests wait" in askers[-1].why
    for asker in askers:
        asker.sending.cancel()
    far.assert_nothing_is_left()


@pytest.mark.usefixtures("narrow")
def test_who_waits_may_write_and_leave() -> None:
    far = FarSide()
    far.ask(get())
    far.ask(get())
    waiting = far.ask(get())
    waiting.sending.cancel()
    waiting.sending.cancel()
    answered(far, 0)
    assert far.dials[0].heard.count(b"GET") == 1
    assert waiting.ends == []


@pytest.mark.usefixtures("narrow")
def test_a_dead_kept_connection_is_replaced_in_its_own_place() -> None:
    far = FarSide()
    far.ask(get("/1"))
    far.ask(get("/2"))
    answered(far, 0)
    asker = far.ask(get("/again"))
    far.dials[0].hangs_up()
    assert len(far.dials) == 3
    answered(far, 2, ok(b"yes"))
    assert asker.body == b"yes"
    assert len(far.pool) == 2


def test_a_farewell_to_an_idle_connection_that_crosses_a_request_is_none_to_the_request() -> None:
    far = FarSide()
    far.ask(get("/1"))
    answered(far, 0)
    asker = far.ask(get("/2"))
    far.dials[0].says(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert asker.head is None
    assert far.dials[0].line.is_closing
    answered(far, 1, ok(b"yes"))
    assert asker.body == b"yes"
    asker = far.ask(post(b"once"))
    far.dials[1].says(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert asker.head.status == 408, "it may not be repeated, so the client hears it"


def test_a_connection_is_for_the_judged_addresses_and_families_take_turns() -> None:
    far = FarSide()
    asker = far.ask(get(), addresses=("2001:db8::1", "192.0.2.1"))
    far.clock.advance(0.25)
    assert [dial.address for dial in far.dials] == ["2001:db8::1", "192.0.2.1"]
    far.dials[1].answer().says(ok())
    assert asker.is_answered
    assert far.dials[0].is_cancelled
    assert len(far.pool) == 1
    far.ask(get(), addresses=("2001:db8::1",))
    assert len(far.dials) == 3, "what is kept goes to an address that was not judged this time"


def test_cancelling_at_any_time_leaves_nothing() -> None:
    def until_dialled(far: FarSide, asker: Asker) -> None:
        pass

    def until_connected(far: FarSide, asker: Asker) -> None:
        far.dials[0].answer()

    def until_half_answered(far: FarSide, asker: Asker) -> None:
        far.dials[0].answer().says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")

    for until in (until_dialled, until_connected, until_half_answered):
        far = FarSide()
        asker = far.ask(get(), addresses=TWO)
        until(far, asker)
        asker.sending.cancel()
        asker.sending.cancel()
        far.wait(60)
        assert asker.ends == []
        far.assert_nothing_is_left()


def test_everything_idle_can_be_closed() -> None:
    far = FarSide()
    for _ in range(3):
        far.ask(get())
    for number in range(3):
        answered(far, number)
    assert len(far.pool) == 3
    far.pool.close_idle()
    far.assert_nothing_is_left()


def test_a_kept_connection_remembers_nothing_of_the_requests_it_served() -> None:
    far = FarSide()
    asker = far.ask(post(b"x" * 100))
    answered(far, 0)
    seen = weakref.ref(asker)
    del asker
    gc.collect()
    assert len(far.pool) == 1
    assert seen() is None


@pytest.mark.parametrize("phase", ["dialled", "connected", "half answered"])
def test_what_was_dialled_before_is_not_kept_when_all_idle_ones_go(phase: str) -> None:
    """A reload may trust other authorities: nothing that rests on the old ones serves a later request."""
    far = FarSide()
    asker = far.ask(get())
    if phase != "dialled":
        far.dials[0].answer()
    if phase == "half answered":
        far.dials[0].says(OK[:20])
    far.pool.close_idle()
    if phase == "dialled":
        far.dials[0].answer()
    far.dials[0].says(OK[20:] if phase == "half answered" else OK)
    assert asker.is_answered
    assert far.dials[0].line.is_closing
    far.assert_nothing_is_left()
    far.ask(get())
    answered(far, 1)
    assert not far.dials[1].line.is_closing
