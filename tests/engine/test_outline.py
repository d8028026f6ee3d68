"""What is told of the path of a URL that may not be kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.engine._outline import MAX_SEGMENTS, may_match, outline
from pipelock.engine._suppress import matches_path
from pipelock.engine.summary import summarise
from pipelock.model import BlockReason, Decision, Finding, Verdict
from tests.factories import a_finding, an_action

IN_QUERY = a_finding(place="url:query:token")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/v1/models/list?token=x", "/v1/models/list"),
        ("https://h/v1/models/?token=x", "/v1/models/"),
        ("https://h/?token=x", "/"),
        ("https://h/users/ab12cd34/keys?token=x", "/users/*/keys"),
        ("https://h/Users/me?token=x", "/*/me"),
        ("https://h/v1234/v12?token=x", "/*/v12"),
        ("https://h/a-b/c_d/e.json?token=x", "/a-b/c_d/e.json"),
        ("https://h/---/...?token=x", "/*/*"),
        ("https://h/" + "w/" * 20 + "?token=x", "/" + "w/" * MAX_SEGMENTS + "*"),
        ("https://h/averyveryverylongword/me?token=x", "/*/me"),
        ("https://h/titan/plans?token=project-titan", "/*/plans"),
        ("https://h/titan/plans#Titan", "/*/plans"),
        ("https://h/titan%2e/plans?token=x", ""),
        ("https://h/a\\b?token=x", ""),
        ("https://u:p@h/plans?token=x", ""),
        ("https://h?token=x", ""),
        ("h/plans", ""),
    ],
)
def test_words_alone_are_told(url: str, shown: str) -> None:
    assert outline(url, (IN_QUERY,)) == shown


@pytest.mark.parametrize(
    "finding",
    [
        a_finding(place="url"),
        a_finding(place="url:path"),
        a_finding(place="url:host"),
        a_finding(place="url:userinfo"),
        a_finding(place="url:query", path=("joined",)),
        a_finding(place="header:x"),
        a_finding(scanner="blocklist", place=""),
    ],
)
def test_nothing_is_told_where_it_may_stand_in_the_path(finding: Finding) -> None:
    assert not outline("https://h/plans?token=x", (IN_QUERY, finding))


def test_nothing_is_told_of_what_nobody_searched() -> None:
    assert not outline("https://h/plans?token=x", ())


@given(
    st.lists(st.text("abcXYZ019-_.~+=%", max_size=24), max_size=9),
    st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=8, max_size=40),
)
def test_a_secret_is_never_told(segments: list[str], secret: str) -> None:
    url = f"https://h/{'/'.join([*segments, secret])}?token={secret}"
    action = an_action(url=url, host="h")
    decision = Decision(
        action_id="t-1", verdict=Verdict.BLOCK, code=BlockReason.DLP_MATCH, findings=(IN_QUERY,), layer="dlp"
    )
    kept = summarise(action, decision)
    assert secret not in kept.path
    assert secret not in kept.url


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*", "/v1/*", True),
        ("https://h/*", "/v1/*", True),
        ("https://h/", "/v1/*", True),
        ("https://h/v1/*", "/v1/*", True),
        ("https://h/v1/*", "", None),
        ("https://h/*", "", True),
        ("https://*.test/*", "/v1/*", False),
        ("https://h/v1/models", "/v1/models", True),
        ("https://h/v1/models", "/v1/*", None),
        ("https://h/v1/models?x=1", "/v1/models", None),
        ("https://h/v1/???", "/v1/*", None),
        ("https://h/v2/*", "/v1/*", False),
        ("https://h/v1/models", "/v1/other", False),
        ("https://other/v1/*", "/v1/*", False),
        ("http://h/v1/*", "/v1/*", False),
        ("h/v1/*", "/v1/*", True),
        ("*.md", "/v1/*", None),
    ],
)
def test_a_pattern_is_held_against_what_is_known(pattern: str, path: str, *, expected: bool | None) -> None:
    assert may_match(pattern, "https://h", path) is expected


_PARTS = st.lists(st.sampled_from(["v1", "models", "a", "X9"]), min_size=1, max_size=3)
_PATTERNS = st.sampled_from(["*", "https://h/*", "https://h/v1/", "https://h/v1/*", "https://h/v1/models", "h/a/*",
                             "https://h/?1/*", "*models", "https://h/v1/models?token=zzz", "https://h*", "https://*/X9*",
                             "https://h/v1", "models"])  # fmt: skip


@given(_PARTS, _PATTERNS)
def test_what_is_told_of_the_outline_holds_for_the_url(parts: list[str], pattern: str) -> None:
    url = f"https://h/{'/'.join(parts)}?token=zzz"
    said = may_match(pattern, "https://h", outline(url, (IN_QUERY,)))
    assert said in {None, matches_path(pattern, url)}
    assert may_match(pattern, "https://h", "") in {None, matches_path(pattern, url)}


def test_only_a_reduced_url_has_an_outline() -> None:
    plain: dict[str, Any] = {
        "action_id": "t-1",
        "verdict": Verdict.WARN,
        "findings": (a_finding(scanner="body_dlp", place="body"),),
    }
    assert not summarise(an_action(), Decision(**plain)).path
