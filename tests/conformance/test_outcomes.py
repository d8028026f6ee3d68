from pathlib import Path

import pytest

from conformance.outcomes import compare, read_exclusions, read_outcomes

EXCLUSIONS = Path(__file__).parents[2] / "conformance" / "exclusions.yaml"


def write(path: Path, cases: str) -> Path:
    path.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    return path


def test_outcomes_are_read_by_class_and_name(tmp_path):
    report = write(
        tmp_path / "a.xml",
        '<testcase classname="t.C" name="a"/>'
        '<testcase classname="t.C" name="b[x]"><failure>no</failure></testcase>'
        '<testcase classname="t.C" name="c"><skipped/></testcase>'
        '<testcase classname="t.C" name="d"><system-out>said</system-out></testcase>',
    )
    assert read_outcomes(report) == {
        "t.C::a": "passed",
        "t.C::b[x]": "failure",
        "t.C::c": "skipped",
        "t.C::d": "passed",
    }


@pytest.mark.parametrize("first", ["", "<error/>"])
def test_a_test_whose_fixture_fails_afterwards_has_not_passed(tmp_path, first):
    second = "" if first else "<error/>"
    report = write(
        tmp_path / "a.xml",
        f'<testcase classname="C" name="a">{first}</testcase><testcase classname="C" name="a">{second}</testcase>',
    )
    assert read_outcomes(report) == {"C::a": "error"}


@pytest.mark.parametrize("content", ["", "<testsuite/>", "<testsuite>", "no xml"])
def test_a_report_without_tests_is_an_error(tmp_path, content):
    path = tmp_path / "a.xml"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"a\.xml"):
        read_outcomes(path)


@pytest.mark.parametrize("after", ["failure", "error", "skipped", None])
def test_what_passed_before_and_does_not_now_is_broken(after):
    through = {} if after is None else {"C::a": after}
    assert compare({"C::a": "passed"}, through, {}).broken == (f"C::a: {after or 'missing'}",)


def test_what_failed_before_is_not_held_against_the_proxy():
    found = compare({"C::a": "failure", "C::b": "failure", "C::c": "skipped"}, {"C::a": "passed", "C::b": "error"}, {})
    assert (found.broken, found.mended, found.same) == ((), ("C::a",), 0)


def test_exclusions_excuse_by_glob_with_brackets_as_they_are_and_idle_ones_are_told():
    exclusions = {"C::a[[]1]*": "wrong spelling", "C::a[1]*": "because", "D::*": "idle"}
    direct = {"C::a[1]-x": "passed", "C::a1-x": "passed"}
    found = compare(direct, dict.fromkeys(direct, "failure"), exclusions)
    assert found.excused == (("C::a[1]-x", "because"),)
    assert found.broken == ("C::a1-x: failure",)
    assert found.unused == ("C::a[[]1]*", "D::*")


def test_an_exclusion_needs_a_reason(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text("requests: [{test: 'C::a', reason: ' '}]")
    with pytest.raises(ValueError, match="has no reason"):
        read_exclusions(path, "requests")
    assert read_exclusions(path, "other") == {}


@pytest.mark.parametrize("suite", ["requests", "requests-tls", "httpx"])
def test_our_exclusions_can_be_read(suite):
    assert all(read_exclusions(EXCLUSIONS, suite).values())
