"""Comparing two runs of one test suite: which tests does a proxy in between break?

Runs are JUnit XML, as pytest and many others write it. A test that is excluded has its reason in exclusions.yaml.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

__all__ = ["Comparison", "compare", "read_exclusions", "read_outcomes"]

_WORST_FIRST = ("error", "failure", "skipped")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two runs say together. Names are `class::test`, sorted.

    Attributes:
        same: Tests with the same outcome in both.
        broken: Tests that passed directly and did not pass, or were not even run, through the proxy.
        excused: Of those, the ones that are excluded: name and reason.
        mended: Tests that only pass through the proxy.
        unused: Exclusions that excused nothing: they hide something, or should go.
    """

    same: int
    broken: tuple[str, ...]
    excused: tuple[tuple[str, str], ...]
    mended: tuple[str, ...]
    unused: tuple[str, ...]


def read_outcomes(path: Path) -> dict[str, str]:
    """For each test "passed", "failure", "error" or "skipped".

    Raises:
        OSError, ValueError: no such file, no XML, or no test in it.
    """
    try:
        # The file was written by the program that we just ran.
        root = ET.parse(path).getroot()
    except ET.ParseError as error:
        raise ValueError(f"{path}: {error}") from error
    outcomes: dict[str, str] = {}
    for case in root.iter("testcase"):
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        kinds = {child.tag for child in case}
        outcome = next((kind for kind in _WORST_FIRST if kind in kinds), "passed")
        # A test that fails and whose fixture then fails too is written twice.
        if outcome != "passed" or name not in outcomes:
            outcomes[name] = outcome
    if not outcomes:
        raise ValueError(f"{path} has no test in it")
    return outcomes


def read_exclusions(path: Path, suite: str) -> dict[str, str]:
    """Glob of a test's name, and why it can't be compared.

    Raises:
        OSError, ValueError: the file is missing or an entry has no reason.
    """
    entries = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get(suite) or []
    found = {str(entry["test"]): str(entry.get("reason") or "").strip() for entry in entries}
    for test, reason in found.items():
        if not reason:
            raise ValueError(f"{path}: {suite}: {test} has no reason")
    return found


def compare(direct: Mapping[str, str], through: Mapping[str, str], exclusions: Mapping[str, str]) -> Comparison:
    """Hold one run against the other."""
    broken, excused, mended = [], [], []
    used: set[str] = set()
    same = 0
    for name, before in sorted(direct.items()):
        after = through.get(name, "missing")
        if before == after:
            same += 1
        elif before == "passed":
            pattern = next((glob for glob in exclusions if fnmatchcase(name, glob.replace("[", "[[]"))), None)
            if pattern is None:
                broken.append(f"{name}: {after}")
            else:
                used.add(pattern)
                excused.append((name, exclusions[pattern]))
        elif after == "passed":
            mended.append(name)
    return Comparison(same, tuple(broken), tuple(excused), tuple(mended), tuple(sorted(exclusions.keys() - used)))
