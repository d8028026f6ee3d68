"""SARIF 2.1.0: what the standard asks for, checked by hand against its text.

No package of the registry holds the official JSON schema, so the rules that concern what we write are spelled out here:
required properties (§3.13, §3.14, §3.18, §3.19, §3.27, §3.49), enumerations, indexes, positive places, relative
references.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.cli._hits import Hit, HitKind, Report, Skipped
from pipelock.cli.sarif import sarif
from pipelock.model import Severity

LOG = {"$schema", "version", "runs"}
RUN = {"tool", "columnKind", "results", "invocations"}
DRIVER = {"name", "semanticVersion", "rules"}
RULE = {"id", "name", "shortDescription", "help", "defaultConfiguration", "properties"}
RESULT = {"ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints", "suppressions"}
REGION = {"startLine", "startColumn", "endLine", "endColumn"}
LEVELS = {"none", "note", "warning", "error"}


def a_hit(**changes: Any) -> Hit:
    base = Hit(
        path="src/a.py",
        line=3,
        col=5,
        end_line=3,
        end_col=25,
        rule="AWS Access ID",
        severity=Severity.CRITICAL,
        kind=HitKind.SECRET,
        message="AWS Access ID found",
        excerpt="key = AKIA••••5N",
    )
    return msgspec.structs.replace(base, **changes)


def check(log: dict[str, Any]) -> list[dict[str, Any]]:
    """Hold a log against the standard; gives its results."""
    assert set(log) == LOG
    assert log["version"] == "2.1.0"
    (one,) = log["runs"]
    assert set(one) <= RUN
    assert one["columnKind"] in {"utf16CodeUnits", "unicodeCodePoints"}
    driver = one["tool"]["driver"]
    assert set(driver) == DRIVER
    identifiers = [rule["id"] for rule in driver["rules"]]
    assert len(set(identifiers)) == len(identifiers)
    for rule in driver["rules"]:
        assert set(rule) == RULE
        assert rule["defaultConfiguration"]["level"] in LEVELS
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
        assert 0 <= float(rule["properties"]["security-severity"]) <= 10
    for result in one["results"]:
        check_result(result, identifiers)
    for invocation in one["invocations"]:
        assert isinstance(invocation["executionSuccessful"], bool)
    return one["results"]


def check_result(result: dict[str, Any], identifiers: list[str]) -> None:
    assert set(result) <= RESULT
    assert identifiers[result["ruleIndex"]] == result["ruleId"]
    assert result["level"] in LEVELS
    assert result["message"]["text"]
    assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
    assert all(one["kind"] in {"inSource", "external"} for one in result.get("suppressions", []))
    (location,) = result["locations"]
    physical = location["physicalLocation"]
    uri = urlsplit(physical["artifactLocation"]["uri"])
    assert uri.scheme in {"", "file"}
    region = physical.get("region")
    if region is not None:
        assert set(region) <= REGION
        assert region["startLine"] >= 1
        assert all(value >= 1 for value in region.values())
        assert (region.get("endLine", region["startLine"]), region.get("endColumn", 2**31)) >= (
            region["startLine"],
            region.get("startColumn", 1),
        )


def prints(*hits: Hit) -> list[str]:
    return [one["partialFingerprints"]["pipelockHit/v1"] for one in check(sarif(Report(hits=list(hits))))]


def test_an_empty_report() -> None:
    assert check(sarif(Report())) == []


def test_a_result() -> None:
    (result,) = check(sarif(Report(hits=[a_hit()])))
    assert (result["ruleId"], result["level"]) == ("aws-access-id", "error")
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "src/a.py"},
        "region": {"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 25},
    }


@pytest.mark.parametrize(("excuse", "kind"), [("inline", "inSource"), ("config", "external")])
def test_what_was_excused_is_told_as_such(excuse: str, kind: str) -> None:
    (result,) = check(sarif(Report(excused=[a_hit(excuse=excuse)])))
    assert result["suppressions"] == [{"kind": kind}]


def test_a_hit_without_a_place_has_no_region() -> None:
    (result,) = check(sarif(Report(hits=[a_hit(line=0, col=0, end_line=0, end_col=0)])))
    assert "region" not in result["locations"][0]["physicalLocation"]


def test_a_fingerprint_stays_when_lines_move_and_tells_hits_apart() -> None:
    (first,) = prints(a_hit())
    assert prints(a_hit(line=90, end_line=90, col=1)) == [first]
    others = [a_hit(path="b.py"), a_hit(rule="JWT Token"), a_hit(excerpt="k = AKIA••••5M"), a_hit(number=1)]
    assert len({first, *prints(*others)}) == 5


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("./a b.py", "a%20b.py"),
        ("c:x.py", "c%3Ax.py"),
        ("100%.py", "100%25.py"),
        ("a#b?.py", "a%23b%3F.py"),
        ("caf\u00e9.py", "caf%C3%A9.py"),
        ("bad\udcff.py", "bad%FF.py"),
        ("/abs/a.py", "file:///abs/a.py"),
    ],
)
def test_references(path: str, uri: str) -> None:
    (result,) = check(sarif(Report(hits=[a_hit(path=path)])))
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_what_was_not_looked_at_is_told() -> None:
    log = sarif(
        Report(skipped=[Skipped("a", "larger than 5 bytes"), Skipped("b", "binary", matters=False)], unlisted=3)
    )
    (invocation,) = log["runs"][0]["invocations"]
    texts = [one["message"]["text"] for one in invocation["toolExecutionNotifications"]]
    assert texts == ["a: larger than 5 bytes", "3 more findings are not listed"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.builds(
            a_hit,
            path=st.text(min_size=1, max_size=8),
            rule=st.text(min_size=1, max_size=8),
            severity=st.sampled_from(Severity),
            kind=st.sampled_from(HitKind),
        ),
        max_size=5,
    )
)
def test_any_report_keeps_to_the_standard(hits: list[Hit]) -> None:
    for result in check(sarif(Report(hits=hits))):
        assert (
            unquote(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], errors="replace") is not None
        )
