from __future__ import annotations

import string

from pipelock.trust.doctor import PROGRAMS
from pipelock.trust.probes import PROBES, fix_for
from pipelock.trust.sightings import Outcome


def test_keys_are_labels_of_their_own() -> None:
    keys = [probe.key for probe in PROBES]
    assert len(set(keys)) == len(keys)
    assert all(set(key) <= {*string.ascii_lowercase, *string.digits, "-"} and key.strip("-") == key for key in keys)
    assert len({probe.title for probe in PROBES}) == len(PROBES)


def test_each_is_sent_to_its_host() -> None:
    for probe in PROBES:
        told = " ".join([*probe.arguments, *probe.environ.values(), *probe.files.values()])
        assert any(name in told for name in ("{url}", "{origin}", "{host}")), probe.key


def test_only_known_names_are_filled_in() -> None:
    known = {"url", "origin", "host", "folder", "programs"}
    for probe in PROBES:
        for text in [*probe.arguments, *probe.environ.values()]:
            assert {name for _, name, _, _ in string.Formatter().parse(text) if name is not None} <= known


def test_every_program_file_is_there_and_used() -> None:
    used = {word.removeprefix("{programs}/") for probe in PROBES for word in probe.arguments if "{programs}" in word}
    assert used == {file.name for file in PROGRAMS.iterdir() if file.is_file()}


def test_everything_that_goes_wrong_has_a_fix() -> None:
    for probe in PROBES:
        for outcome in Outcome:
            assert bool(fix_for(probe, outcome)) is (outcome not in (Outcome.GOOD, Outcome.MISSING))
