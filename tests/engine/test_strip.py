"""Action `strip` with findings of several kinds at once."""

from __future__ import annotations

import pytest

from pipelock.engine import Engine, Facts, KillSwitch
from pipelock.engine.egress import Ruling
from pipelock.engine.media import MediaPolicy
from pipelock.engine.settle import settle
from pipelock.model import Severity, Span, Verdict
from tests.detect.media_files import jpeg, segment
from tests.factories import FAKE_ORDER, a_finding, a_policy, a_response

ORDER = FAKE_ORDER.encode()
BODY = b"before " + ORDER + b" after"
MEDIA = MediaPolicy(
    refused=frozenset(), image_types=frozenset({"image/jpeg"}), clean=True, log=True, max_image_bytes=9999
)


def found(**changes):
    return a_finding(**{"scanner": "response_scan", "rule": "Fake Order", "place": "body", **changes})


INJECTED = found(span=Span(7, 7 + len(ORDER)))


@pytest.mark.parametrize(("other", "verdict"), [
    (found(scanner="media_policy", severity=Severity.INFO, place="media"), Verdict.STRIP),
    (found(warns=True), Verdict.STRIP),
    (found(warns=True, place="headers"), Verdict.STRIP),
    (found(warns=True, span=Span(0, 6)), Verdict.STRIP),
    (found(span=None), Verdict.BLOCK),
    (found(place="headers", span=Span(0, 1)), Verdict.BLOCK),
    (found(scanner="media_policy", place="media"), Verdict.BLOCK),
    (found(hard=True), Verdict.BLOCK),
])  # fmt: skip
@pytest.mark.parametrize("turned", [False, True])
def test_what_must_go_decides_and_what_only_warns_does_not_stand_in_the_way(other, verdict, turned):
    findings = (other, INJECTED) if turned else (INJECTED, other)
    policy = a_policy(response_action=Verdict.STRIP)
    decision = settle(a_response(body=BODY), policy, findings, Ruling(Verdict.ALLOW))
    assert decision.verdict is verdict
    if verdict is Verdict.STRIP:
        assert ORDER not in decision.body
        assert decision.body.endswith(b" after")


@pytest.mark.parametrize("action", [Verdict.WARN, Verdict.STRIP, Verdict.ASK, Verdict.BLOCK])
def test_what_media_policy_took_out_is_not_in_the_way_of_any_action(action):
    engine = Engine(a_policy(response_action=action, media=MEDIA), KillSwitch())
    picture = a_response(body=jpeg(segment(0xFE, ORDER)), content_type="image/jpeg")
    decision = engine.adjudicate(picture, Facts(1.0, 1.0))
    assert (decision.verdict, decision.body) == (Verdict.STRIP, jpeg())
    assert {finding.scanner for finding in decision.findings} == {"media_policy", "response_scan"}


@pytest.mark.parametrize(("action", "verdict"), [
    (Verdict.WARN, Verdict.STRIP), (Verdict.ASK, Verdict.ASK), (Verdict.BLOCK, Verdict.BLOCK),
])  # fmt: skip
def test_what_is_left_in_a_cleaned_picture_is_judged(action, verdict):
    # An order in the picture's own data, which nothing takes out.
    picture = jpeg(segment(0xFE, b"note"), segment(0xDB, ORDER + bytes(47)))
    engine = Engine(a_policy(response_action=action, media=MEDIA), KillSwitch())
    decision = engine.adjudicate(a_response(body=picture, content_type="image/jpeg"), Facts(1.0, 1.0))
    assert decision.verdict is verdict
    if verdict is not Verdict.BLOCK:
        assert decision.body is not None
        assert b"note" not in decision.body
