from __future__ import annotations

import gzip

import pytest

from pipelock.model import Fault
from pipelock.proxy.limits import Budget
from pipelock.proxy.request_body import RequestBody
from tests.proxy.house import House


@pytest.fixture
def house() -> House:
    return House(max_request_body=1000)


def test_pieces_become_the_body_and_the_memory_comes_back(house: House) -> None:
    body = RequestBody(house.context)
    assert body.add(b"hello ") is None
    assert body.add(b"world") is None
    assert (body.size, house.context.budget.used) == (11, 11)
    assert body.read(()) == b"hello world"
    body.drop()
    body.drop()
    assert house.context.budget.used == 0


def test_a_coded_body_is_judged_and_sent_decoded_and_counted_twice_while_it_lasts(house: House) -> None:
    body = RequestBody(house.context)
    wire = gzip.compress(b"x" * 500)
    assert body.add(wire) is None
    assert body.read((("content-encoding", "gzip"),)) == b"x" * 500
    assert house.context.budget.used == len(wire) + 500
    body.drop()
    assert house.context.budget.used == 0


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"x" * 1001, (), 413),
        (gzip.compress(b"x" * 1001), (("content-encoding", "gzip"),), 413),
        (b"not gzip", (("content-encoding", "gzip"),), 400),
        (b"x", (("content-encoding", "compress"),), 415),
    ],
    ids=["too long", "too long inside", "broken", "a coding nobody reads"],
)
def test_what_cannot_be_read_whole_is_a_fault(house: House, data: bytes, headers, status: int) -> None:
    body = RequestBody(house.context)
    fault = body.add(data) or body.read(headers)
    assert isinstance(fault, Fault)
    assert fault.status == status


def test_a_full_memory_says_so_and_takes_nothing(house: House) -> None:
    house.context.budget = Budget(10)
    body = RequestBody(house.context)
    assert body.add(b"x" * 8) is None
    fault = body.add(b"x" * 3)
    assert fault is not None
    assert fault.status == 503
    assert house.context.budget.used == 8
    body.drop()
    assert house.context.budget.used == 0
