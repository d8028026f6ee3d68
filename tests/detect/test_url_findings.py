"""Findings carry what policy and people need."""

from __future__ import annotations

import pytest

from pipelock.detect import url_findings
from pipelock.detect.addresses import fold_host
from pipelock.model import Category


def test_the_rule_is_the_label_unless_the_layer_has_several() -> None:
    assert url_findings.traversal().rule == "path_traversal"
    assert url_findings.private_literal(fold_host("127.1")).rule == "Private Address"


def test_a_literal_is_shown_as_it_was_written_too() -> None:
    assert "written as 0x7f.1" in url_findings.private_literal(fold_host("0x7f.1")).message
    assert "written as" not in url_findings.private_literal(fold_host("127.0.0.1")).message


def test_scores_follow_entropy_up_to_one() -> None:
    assert url_findings.opaque("url:path", 4.0).score == 0.5
    assert url_findings.opaque("url:query", 20.0).score == 1.0


def test_a_private_answer_of_a_known_host_is_a_mismatch() -> None:
    host = fold_host("a.example")
    assert url_findings.private_answer(host, "10.0.0.1", known=True).category is Category.CONFIG_MISMATCH
    assert url_findings.private_answer(host, "10.0.0.1", known=False).category is Category.THREAT


def test_the_labels_that_carry_data_are_not_repeated() -> None:
    message = url_findings.opaque_subdomain(fold_host("deadbeef01234567.example.com"), 3.0).message
    assert "deadbeef" not in message
    assert "example.com" in message


LABEL = "akiaq3egrivlxn5wubmt"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("api.example.com", "api.example.com"),
        (LABEL[:19] + ".example.com", LABEL[:19] + ".example.com"),
        (LABEL + ".example.com", "akia••••mt.example.com"),
        ("a." + LABEL * 3 + ".com", "a.akia••••mt.com"),
        ("2001:db8::1", "2001:db8::1"),
        ("[fe80::1%" + LABEL + "]", "[fe80::1%akia••••mt]"),
        ("", ""),
    ],
)
def test_long_labels_keep_their_ends_only(name: str, shown: str) -> None:
    assert url_findings.shown_host(name) == shown


def test_no_message_repeats_a_long_label() -> None:
    host = fold_host(f"{LABEL}.example.com")
    for found in (
        url_findings.private_answer(host, "10.0.0.1", known=False),
        url_findings.unresolved(host, "no answer"),
        url_findings.opaque_subdomain(fold_host(f"x.{LABEL}.com"), 3.0),
    ):
        assert LABEL not in found.message
