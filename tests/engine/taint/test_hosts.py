"""How hosts stand to the operator."""

from __future__ import annotations

import pytest

from pipelock.engine.taint.hosts import MAX_CACHED, Standing, Standings, is_internal_address

LISTS = Standings(
    internal=["wiki.corp.example"],
    models=["api.model.example", "*.models.example"],
    references=["docs.model.example", "api.model.example"],
    listed=["*.model.example"],
)


@pytest.mark.parametrize(
    ("host", "standing"),
    [
        ("localhost", Standing.LOCAL),
        ("App.LocalHost", Standing.LOCAL),
        ("127.0.0.1", Standing.LOCAL),
        ("0x7f.1", Standing.LOCAL),
        ("[::1]", Standing.LOCAL),
        ("0.0.0.0", Standing.LOCAL),
        ("10.1.2.3", Standing.INTERNAL),
        ("[fd00::1]", Standing.INTERNAL),
        ("wiki.corp.example", Standing.INTERNAL),
        ("api.model.example", Standing.MODEL),
        ("API.Model.Example.", Standing.MODEL),
        ("eu.models.example", Standing.MODEL),
        ("docs.model.example", Standing.REFERENCE),
        ("www.model.example", Standing.LISTED),
        ("93.184.215.14", Standing.OUTSIDE),
        ("example.org", Standing.OUTSIDE),
        ("localhost.example.org", Standing.OUTSIDE),
        ("notlocalhost", Standing.OUTSIDE),
        ("xapi.model.example.evil.org", Standing.OUTSIDE),
        ("", Standing.OUTSIDE),
        ("not a host", Standing.OUTSIDE),
    ],
)
def test_standing(host: str, standing: Standing) -> None:
    assert LISTS.of(host) is standing
    assert LISTS.of(host) is standing  # also from the memory


def test_the_memory_is_bounded() -> None:
    standings = Standings(listed=["kept.example"])
    for number in range(MAX_CACHED + 10):
        standings.of(f"host-{number}.example")
    assert len(standings._known) <= MAX_CACHED
    assert standings.of("kept.example") is Standing.LISTED
    assert standings.of("a" * 5000) is Standing.OUTSIDE
    assert max(map(len, standings._known)) <= 253


@pytest.mark.parametrize(
    ("address", "internal"),
    [
        ("10.0.0.1", True),
        ("172.16.0.1", True),
        ("172.15.0.1", False),
        ("192.168.1.1", True),
        ("100.64.0.1", True),
        ("100.128.0.1", False),
        ("fd12::1", True),
        ("fe80::1", True),
        ("127.0.0.1", False),
        ("93.184.215.14", False),
        ("2606:2800:220:1::1", False),
        ("10.words", False),
        ("", False),
    ],
)
def test_internal_addresses(address: str, internal: bool) -> None:
    assert is_internal_address(address) is internal
