from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelock.daemon import grants_file
from pipelock.daemon.grants_file import MAX_DIFF_LINES, GrantsFile, GrantsFileError
from pipelock.model import Grant, Lifetime, Scope


def a_grant(number: int = 1) -> Grant:
    return Grant(
        id=f"g{number}", allow=True, scope=Scope.HOST, lifetime=Lifetime.FOREVER, words="words", created_at=1.0,
        kind="request", host=f"h{number}.test", port=443, layer="egress_rules",
    )  # fmt: skip


BY_HAND = "approvals:\n- {id: mine, action: allow, scope: host, host: h.test, port: 443, words: harmless}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "approvals.yaml"


def by_hand(path: Path, text: str = BY_HAND, mode: int = 0o600) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def test_what_was_written_is_read_by_the_next_daemon(path: Path) -> None:
    file = GrantsFile(path)
    assert file.load() == ()
    file.write((a_grant(1), a_grant(2)))
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["approvals.yaml"]
    assert file.unreviewed() == ()
    assert [grant.id for grant in GrantsFile(path).load()] == ["g1", "g2"]
    file.write(())
    assert GrantsFile(path).load() == ()


def test_words_are_made_anew_from_what_an_entry_does(path: Path) -> None:
    by_hand(path)
    (grant,) = GrantsFile(path).load()
    assert grant.words.startswith("any client may send anything to h.test (any method, path and body")


def test_what_somebody_else_wrote_is_shown_not_obeyed_and_not_overwritten(path: Path) -> None:
    file = GrantsFile(path)
    file.load()
    by_hand(path)
    lines = file.unreviewed()
    assert lines[0].startswith("--- in force")
    assert any(line.startswith("+- {id: mine") for line in lines)
    with pytest.raises(GrantsFileError, match="changed by somebody else"):
        file.write((a_grant(),))
    assert path.read_text() == BY_HAND
    assert [grant.id for grant in file.load()] == ["mine"]
    assert file.unreviewed() == ()
    file.write((a_grant(),))


def test_a_file_that_vanished_is_a_change(path: Path) -> None:
    file = GrantsFile(path)
    file.write((a_grant(),))
    path.unlink()
    assert any(line.startswith('-- id: "g1"') for line in file.unreviewed())
    assert file.load() == ()
    assert file.unreviewed() == ()


def test_a_long_difference_is_cut(path: Path) -> None:
    file = GrantsFile(path)
    by_hand(path, "# line\n" * 1000)
    lines = file.unreviewed()
    assert len(lines) == MAX_DIFF_LINES + 1
    assert lines[-1].startswith("! and ")
    assert file.load() == ()


def test_a_line_of_megabytes_is_cut_so_that_the_list_still_fits_into_a_frame(path: Path) -> None:
    file = GrantsFile(path)
    file.load()
    by_hand(path, "x" * 3_000_000 + "\n" + "y\n" * 3)
    assert file.unreviewed()[3] == "+" + "x" * 399 + "… [2999601 more characters]"
    assert max(map(len, file.unreviewed())) < 500


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_change_is_not_trusted(path: Path, mode: int) -> None:
    by_hand(path, mode=mode)
    file = GrantsFile(path)
    with pytest.raises(GrantsFileError, match="chmod 600"):
        file.load()
    assert file.unreviewed()[0].startswith("! others may change")
    with pytest.raises(GrantsFileError):
        file.write((a_grant(),))


def test_neither_is_a_link_a_pipe_or_a_folder(path: Path) -> None:
    by_hand(path.with_name("elsewhere.yaml"))
    path.symlink_to("elsewhere.yaml")
    with pytest.raises(GrantsFileError, match="can't be read"):
        GrantsFile(path).load()
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(GrantsFileError, match="not a regular file"):
        GrantsFile(path).load()
    path.unlink()
    path.mkdir()
    with pytest.raises(GrantsFileError):
        GrantsFile(path).load()


def test_nor_another_users(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand(path)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(GrantsFileError, match="belongs to another user"):
        GrantsFile(path).load()


def test_a_broken_file_stays_as_it_is(path: Path) -> None:
    by_hand(path, "approvals: [\n")
    file = GrantsFile(path)
    with pytest.raises(GrantsFileError, match=r"approvals\.yaml:"):
        file.load()
    with pytest.raises(GrantsFileError, match="changed by somebody else"):
        file.write((a_grant(),))
    assert path.read_text() == "approvals: [\n"


def test_a_disk_that_is_full_leaves_the_old_file_and_no_rubbish(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = GrantsFile(path)
    file.write((a_grant(1),))
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(grants_file.os, "fsync", full)
    with pytest.raises(GrantsFileError, match="No space left"):
        file.write((a_grant(2),))
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["approvals.yaml"]


def test_there_is_an_end_to_it(path: Path) -> None:
    with pytest.raises(GrantsFileError, match="revoke some"):
        GrantsFile(path).write(tuple(a_grant(number) for number in range(501)))
