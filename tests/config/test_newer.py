from __future__ import annotations

from pipelock.config.newer import NEWER_KEYS
from pipelock.config.plans import field_plans
from pipelock.config.schema import Config


def test_no_section_of_ours_is_called_newer() -> None:
    assert not NEWER_KEYS.keys() & field_plans(Config).keys()


def test_each_key_has_a_release() -> None:
    assert set(NEWER_KEYS.values()) == {"2.7", "2.8", "3.0"}
