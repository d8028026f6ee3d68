from __future__ import annotations

import pytest

from pipelock.detect.addresses import fold_host
from pipelock.model import Severity, Verdict
from tests.factories import a_finding, a_policy, a_response, an_action


@pytest.mark.parametrize(
    ("finding", "action", "verdict"),
    [
        (a_finding(), an_action(), Verdict.BLOCK),
        (a_finding(warns=True), an_action(), Verdict.WARN),
        (a_finding(hard=True, warns=True), an_action(), Verdict.BLOCK),
        (a_finding(scanner="body_dlp", severity=Severity.HIGH), an_action(), Verdict.WARN),
        (a_finding(scanner="header_dlp", severity=Severity.LOW), an_action(), Verdict.WARN),
        (a_finding(scanner="body_dlp"), an_action(), Verdict.BLOCK),
        (a_finding(scanner="entropy", severity=Severity.LOW), an_action(), Verdict.BLOCK),
        (a_finding(scanner="response_scan"), a_response(), Verdict.STRIP),
        (a_finding(scanner="core_response", hard=True), a_response(), Verdict.BLOCK),
    ],
)
def test_what_one_finding_demands(finding, action, verdict: Verdict) -> None:
    assert a_policy(response_action=Verdict.STRIP).verdict_for(action, finding) is verdict


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("127.1", ("127.0.0.1",)), ("[::1]", ("::1",)), ("e.com", ("1.2.3.4",)), ("E.COM.", ("1.2.3.4",)), ("x.com", ())],
)
def test_which_addresses_need_no_lookup(host: str, addresses: tuple[str, ...]) -> None:
    assert a_policy(host_overrides={"e.com": ("1.2.3.4",)}).known_addresses(fold_host(host)) == addresses
