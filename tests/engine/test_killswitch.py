from __future__ import annotations

from ipaddress import ip_network

import pytest

from pipelock.engine import KillSwitch
from pipelock.model import sandbox_key, session_key


def configured(switch: KillSwitch, *, config: bool = False, probe=None, exempt=()) -> None:
    switch.configure(config=config, message="stop", exempt=exempt, probe=probe)


@pytest.mark.parametrize("source", ["config", "api", "signal", "sentinel"])
def test_each_source_alone_is_enough_and_is_named(source: str) -> None:
    switch = KillSwitch()
    configured(switch, config=source == "config", probe=lambda: source == "sentinel")
    switch.set_api(source == "api")
    if source == "signal":
        switch.toggle_signal()
    assert switch.active
    assert switch.source == source
    assert [name for name, on in switch.state.sources.items() if on] == [source]


def test_clearing_one_leaves_the_others() -> None:
    switch = KillSwitch()
    switch.set_api(True)
    switch.toggle_signal()
    switch.set_api(False)
    assert switch.active
    assert switch.toggle_signal() is False
    assert not switch.active
    assert switch.source == ""


def test_a_reload_changes_config_and_sentinel_alone() -> None:
    switch = KillSwitch()
    switch.set_api(True)
    configured(switch, config=True)
    configured(switch, config=False)
    assert switch.active


def test_the_sentinel_is_asked_each_time() -> None:
    answers = iter([True, False, True])
    switch = KillSwitch(lambda: next(answers))
    assert [switch.active, switch.active, switch.active] == [True, False, True]


def test_listed_addresses_go_on() -> None:
    switch = KillSwitch()
    configured(switch, config=True, exempt=(ip_network("10.0.0.0/8"),))
    assert not switch.applies_to("10.1.2.3")
    assert switch.applies_to("11.1.2.3")
    assert switch.applies_to("not an address")


def test_a_sandbox_is_no_listed_address() -> None:
    """All that is known of it is an address of its own network, which is everybody's there."""
    switch = KillSwitch()
    configured(switch, config=True, exempt=(ip_network("127.0.0.0/8"),))
    assert not switch.applies_to("127.0.0.1", session_key("claude", "127.0.0.1"))
    key = sandbox_key("claude", "0123456789ab", "127.0.0.1")
    assert key == "claude@sandbox-0123456789ab|127.0.0.1"
    assert switch.applies_to("127.0.0.1", key)
    switch.configure(config=False, message="", exempt=(), probe=None)
    assert not switch.applies_to("127.0.0.1", key)
