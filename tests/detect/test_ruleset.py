"""The quick form of the rules: the same as the YAML, or not used."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelock.detect import ruleset
from pipelock.detect.ruleset import RULES, RuleError, RuleSet, load_rules, pack_rules

FILES = sorted(str(path.relative_to(RULES).with_suffix("")) for path in RULES.glob("*/*.yaml"))
SOURCE = b"- {name: Widget Key, pattern: 'wk_[0-9]{8}', literals: [wk_]}\n"


@pytest.mark.parametrize("file", FILES)
def test_the_quick_form_that_is_shipped_is_up_to_date(file: str) -> None:
    source = (RULES / f"{file}.yaml").read_bytes()
    assert (RULES / f"{file}.json").read_bytes() == pack_rules(source, file), "run scripts/rules.py"


@pytest.mark.parametrize("file", FILES)
def test_the_quick_form_says_what_the_yaml_says(file: str) -> None:
    source = (RULES / f"{file}.yaml").read_bytes()
    quick = ruleset._unpack_rules(RULES / f"{file}.json", source)
    assert quick == load_rules(source.decode(), file, check=False)


def test_the_list_of_credentials_is_up_to_date() -> None:
    listed = Path(__file__).parents[2].joinpath("docs/credentials.md").read_text("utf-8").splitlines()
    rows = {tuple(cell.strip(" *") for cell in line.split("|")[1:3]) for line in listed if line.startswith("| ")}
    for rule in RuleSet.builtin("credentials").rules:
        assert (rule.name, "a warning" if rule.warns else str(rule.severity)) in rows, "run scripts/rules.py"


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ruleset, "RULES", tmp_path)
    ruleset._builtin.cache_clear()
    folder = tmp_path / "family"
    folder.mkdir()
    (folder / "widgets.yaml").write_bytes(SOURCE)
    return folder


@pytest.mark.parametrize(
    "packed",
    [
        None,
        b"",
        pack_rules(SOURCE, "x"),
        pack_rules(SOURCE.replace(b"wk_", b"other_"), "x"),
        b"0" * 64 + b"\n[]\n",
    ],
    ids=["missing", "empty", "right", "of other rules", "of nothing known"],
)
def test_whatever_lies_beside_it_the_yaml_holds(rules: Path, packed: bytes | None) -> None:
    if packed is not None:
        (rules / "widgets.json").write_bytes(packed)
    assert [rule.pattern for rule in RuleSet.builtin("family").rules] == ["wk_[0-9]{8}"]


def test_two_files_of_a_family_may_not_share_a_name(rules: Path) -> None:
    (rules / "zebras.yaml").write_bytes(SOURCE.replace(b"Widget Key", b"WIDGET key"))
    with pytest.raises(RuleError, match=r"zebras\.yaml.*WIDGET key"):
        RuleSet.builtin("family")


def test_a_wrong_rule_is_not_packed() -> None:
    with pytest.raises(RuleError, match="Widget"):
        pack_rules(SOURCE.replace(b"wk_[0-9]", b"(?=wk_)[0-9]"), "x")
