from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.proxy.admin.routes import MAX_KEY, Ask, RouteError, find_route, is_admin_path

KEYS = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=40)


@given(KEYS, st.sampled_from(["", "/explain", "/airlock", "/reset", "/terminate", "/task", "/trust"]))
def test_any_key_survives_its_encoding(key: str, verb: str) -> None:
    route = find_route(f"/api/v1/sessions/{quote(key, safe='')}{verb}?tier=soft")
    assert (route.key, route.query) == (key, "tier=soft")
    assert route.ask is (Ask(verb[1:]) if verb else Ask.INSPECT)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF), max_size=60))
def test_any_other_target_is_a_route_or_an_error(target: str) -> None:
    status, route = 200, None
    try:
        route = find_route(f"/api/v1/{target}")
    except RouteError as error:
        status = error.status
    assert status in ((400, 404) if route is None else (200,))
    assert route is None or (len(route.key) <= MAX_KEY and not {"/", "\0"} & set(route.key))


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("/api/v1/sessions", True), ("/api/v1/sessions/x", True), ("/api/v1/killswitch/status", True),
        ("/api/v1/sessionsx", False), ("/api/v1/scan", False), ("/health", False), ("/api/v1/", False),
        ("/api/v1/adaptive/nothing", True),
    ],
)  # fmt: skip
def test_whose_path_it_is(path: str, is_ours: bool) -> None:
    assert is_admin_path(path) is is_ours


def test_each_thing_that_can_be_asked_has_one_method() -> None:
    assert {ask for ask in Ask if ask.method == "GET"} == {
        Ask.KILL_STATUS, Ask.LIST, Ask.INSPECT, Ask.EXPLAIN, Ask.STATUS, Ask.WHOAMI, Ask.PENDING,
    }  # fmt: skip
