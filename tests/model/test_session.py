from __future__ import annotations

import pytest

from pipelock.model import ANONYMOUS, session_key


@pytest.mark.parametrize(
    ("agent", "key"),
    [("ann", "ann|10.0.0.1"), ("", "10.0.0.1"), (ANONYMOUS, "10.0.0.1"), ("anonymous2", "anonymous2|10.0.0.1")],
)
def test_an_agent_that_did_not_say_who_it_is_goes_by_its_address(agent: str, key: str) -> None:
    assert session_key(agent, "10.0.0.1") == key
