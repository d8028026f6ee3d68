from __future__ import annotations

import msgspec
import pytest

from pipelock.model import BlockReason, Retry, Severity


def test_severities_are_ranked_from_info_to_critical() -> None:
    assert [severity.rank for severity in Severity] == [0, 1, 2, 3, 4]
    assert max(Severity, key=lambda severity: severity.rank) is Severity.CRITICAL


@pytest.mark.parametrize("reason", list(BlockReason))
def test_every_code_is_a_word_with_severity_and_retry_advice(reason: BlockReason) -> None:
    assert reason.value.replace("_", "").isalpha()
    assert reason.value.islower()
    assert reason.severity in {"info", "warn", "critical"}
    assert reason.retry in Retry
    assert BlockReason(reason.value) is reason


@pytest.mark.parametrize("reason", list(BlockReason))
def test_a_code_travels_as_its_word(reason: BlockReason) -> None:
    assert msgspec.json.encode(reason) == f'"{reason.value}"'.encode()
    assert msgspec.json.decode(msgspec.json.encode(reason), type=BlockReason) is reason


def test_what_may_pass_later_is_advised_to_be_tried_again() -> None:
    assert {reason for reason in BlockReason if reason.retry is Retry.TRANSIENT} == {
        BlockReason.SSRF_DNS_REBIND,
        BlockReason.RATE_LIMIT,
        BlockReason.KILL_SWITCH_ACTIVE,
        BlockReason.TIMEOUT,
        BlockReason.REDACTION_FAILURE,
        BlockReason.PATTERN_UNAVAILABLE,
        BlockReason.AIRLOCK_ACTIVE,
        BlockReason.ESCALATION_LEVEL,
        BlockReason.SESSION_ANOMALY,
    }
