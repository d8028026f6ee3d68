import json

import pytest

from conformance.websocket_report import read_index


def index(tmp_path, cases):
    path = tmp_path / "index.json"
    path.write_text(
        json.dumps(
            {"us": {case: dict(zip(("behavior", "behaviorClose"), how, strict=True)) for case, how in cases.items()}}
        )
    )
    return path


@pytest.mark.parametrize(
    ("behavior", "close", "fails"),
    [
        ("OK", "OK", False),
        ("OK", "INFORMATIONAL", False),
        ("NON-STRICT", "OK", False),
        ("INFORMATIONAL", "INFORMATIONAL", False),
        ("UNIMPLEMENTED", "FAILED", False),
        ("FAILED", "OK", True),
        ("OK", "FAILED", True),
        ("OK", "WRONG CODE", True),
        ("OK", "UNCLEAN", True),
        ("OK", "FAILED BY CLIENT", True),
        ("SOMETHING NEW", "OK", True),
    ],
)
def test_what_counts_as_a_failure(tmp_path, behavior, close, fails):
    report = read_index(index(tmp_path, {"1.1.1": (behavior, close)}), "us")
    assert bool(report.failed) is fails
    assert report.behaviors == {behavior: 1}
    assert report.total == 1


def test_cases_are_told_in_the_order_of_their_numbers(tmp_path):
    report = read_index(index(tmp_path, dict.fromkeys(("10.1.1", "9.1.2", "9.1.10"), ("FAILED", "OK"))), "us")
    assert [case.partition(":")[0] for case in report.failed] == ["9.1.2", "9.1.10", "10.1.1"]


def test_tolerated_cases_are_noted(tmp_path):
    report = read_index(index(tmp_path, {"3.2": ("NON-STRICT", "OK"), "1.1": ("OK", "OK")}), "us")
    assert report.noted == ("3.2: NON-STRICT",)


@pytest.mark.parametrize("content", ["{}", '{"us": {}}', '{"them": {"1.1": {}}}', "[]", "nothing"])
def test_no_cases_is_no_success(tmp_path, content):
    path = tmp_path / "index.json"
    path.write_text(content)
    with pytest.raises(ValueError):
        read_index(path, "us")
