"""The tables: every row has a reason and a place, nothing is there twice, nothing secret is granted."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipelock.config.schema_operations import EgressRule
from pipelock.contain import rules
from pipelock.contain.claims import is_inside
from pipelock.contain.defaults import Place, places, preset, preset_for, preset_names, variables
from pipelock.contain.host import Host, Kind
from pipelock.contain.spots import absolute, expanded
from tests.contain.fake_host import HOME, fake_host

GROUPS = ("system", "private", "toolchains", "settings", "caches", "secrets", "protected", "watched")


def rows(group: str) -> tuple[Place, ...]:
    found: tuple[Place, ...] = getattr(places(), group)
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_rows_are_places_with_reasons(group: str) -> None:
    found = rows(group)
    assert len({row.path for row in found}) == len(found)
    for row in found:
        assert row.why
        assert row.why == row.why.strip()
        assert os.path.normpath(row.path) == row.path
        assert row.path.startswith(("/", "~/")) is (group not in ("protected", "watched")), row
        assert not row.also or (row.also.startswith("$") and ".." not in row.also)


def test_no_grant_shows_a_secret_that_nothing_hides() -> None:
    """A grant inside a secret place would show it; a secret inside a grant is hidden by its own row."""
    for group in ("system", "toolchains", "settings", "caches"):
        for row in rows(group):
            for secret in rows("secrets"):
                assert not is_inside(row.path, secret.path), (row, secret)


def test_presets_have_folders_of_their_own_and_are_found_by_program() -> None:
    for name in preset_names():
        found = preset(name)
        assert found is not None
        assert found.write
        assert all(
            path.startswith("~/") and path.count("/") >= 1 and path != "~/" for path in (*found.write, *found.read)
        )
        assert all(preset_for(program) is found for program in found.programs)
        assert not [pattern for pattern in found.env if pattern.startswith("*")]
        # What an agent keeps for itself is a secret to all others.
        for path in found.write:
            if not path.startswith(("~/.cache/", "~/.local/state/")):
                assert any(is_inside(path, row.path) for row in rows("secrets")), path
    assert preset("nobody") is None
    assert preset_for("git") is None


def test_the_manual_has_a_row_for_each_preset() -> None:
    lines = (Path(rules.__file__).parents[2] / "docs" / "sandbox.md").read_text().splitlines()
    for name in preset_names():
        found = preset(name)
        (row,) = (line for line in lines if line.startswith(f"| `{name}` |"))
        assert found is not None
        for word in (*found.programs, *found.write, *found.read, *found.secrets):
            assert f"`{word}`" in row, (name, word)


def test_no_variable_is_passed_that_is_refused() -> None:
    table = variables()
    assert not set(table.passed) & set(table.refused)
    assert all(pattern.count("*") <= 1 for pattern in (*table.passed, *table.refused, *table.risky))


def test_paths_as_they_are_written() -> None:
    host = fake_host({}, {"XDG_CACHE_HOME": "/c", "CARGO_HOME": "/k", "GOPATH": "rel", "NVM_DIR": "/home"})
    assert [absolute(text, host, "/w") for text in ("~", "~/a/../b", "x", "../x", "/a//b/", "//a", "~u")] == [
        HOME, f"{HOME}/b", "/w/x", "/x", "/a/b", "/a", "/w/~u",
    ]  # fmt: skip
    assert list(expanded(Place("~/.cache/pip", "", "$GOPATH/x"), host)) == [f"{HOME}/.cache/pip", "/c/pip"]
    assert list(expanded(Place("~/.cargo/bin", "", "$CARGO_HOME/bin"), host)) == [f"{HOME}/.cargo/bin", "/k/bin"]
    assert list(expanded(Place("~/.nvm", "", "$NVM_DIR"), host)) == [f"{HOME}/.nvm"]
    assert list(expanded(Place("/run/user/{uid}", ""), host)) == ["/run/user/1000"]


def test_this_machine_is_seen_as_it_is(tmp_path: Path) -> None:
    host = Host.of_this_machine({"HOME": str(tmp_path), "A": "b"})
    (tmp_path / "file").write_text("x" * 5000)
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    assert (host.home, host.environ["A"], host.uid) == (str(tmp_path), "b", os.getuid())
    names = ("", "file", "link", "pipe", "gone", "a\0b")
    assert [host.kind(str(tmp_path / name)) for name in names] == [
        Kind.FOLDER,
        Kind.FILE,
        Kind.FILE,
        Kind.OTHER,
        None,
        None,
    ]
    assert (host.readlink(str(tmp_path / "link")), host.readlink(str(tmp_path / "file"))) == ("file", "")
    assert host.realpath(str(tmp_path / "link")) == str(tmp_path.resolve() / "file")
    assert (len(host.read(str(tmp_path / "file"))), host.read(str(tmp_path / "gone"))) == (4096, "")
    assert host.read(str(tmp_path / "pipe")) == ""  # nobody writes there: to wait would be to wait for ever
    (tmp_path / "open").mkdir()
    (tmp_path / "shut").mkdir(0o750)
    for name, mode in (("open/a", 0o640), ("open/b", 0o644), ("shut/c", 0o600)):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(mode)
    assert [path.removeprefix(f"{tmp_path}/") for path in host.closed(str(tmp_path))] == ["open/a", "shut"]
    assert host.closed(str(tmp_path / "gone")) == ()
    assert os.path.realpath(sys.prefix) in host.installation
    assert str(Path(rules.__file__).parents[1]) in host.installation
    assert host.ssh_command[0] == sys.executable
    assert host.ssh_command[1:5] == ("-P", "-m", "pipelock", "ssh")
    assert Host.of_this_machine({"HOME": "relative"}).home.startswith("/")


def test_rules_of_a_launch_are_those_of_config_in_a_line() -> None:
    assert rules.parse_rule("a.example.com") == EgressRule(
        name="host=a.example.com", action="allow", host="a.example.com"
    )
    assert len(rules.parse_rules(("a.example.com", "method=GET"))) == 2
    with pytest.raises(rules.RuleError, match=r"did you mean 'host=a\.b'"):
        rules.parse_rule("hots=a.b")
    with pytest.raises(rules.RuleError, match="a launch takes 500"):
        rules.parse_rules(("method=GET",) * 501)
