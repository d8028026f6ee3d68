from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipelock.trust.php import FOLDER, php_settings, scan_folders, without_ours

OURS = f"/h/trust/{FOLDER}"


@pytest.mark.parametrize("user", ["", "/own", "/own:", ":/own", "/a:/b"])
def test_ours_comes_last_once_and_can_be_taken_back(user: str) -> None:
    once = scan_folders(user, OURS)
    assert once == f"{user}:{OURS}"
    assert scan_folders(once, OURS) == once
    assert without_ours(once) == without_ours(user) == user


def test_another_home_s_folder_makes_way() -> None:
    assert scan_folders(scan_folders("/own", f"/other/{FOLDER}"), OURS) == f"/own:{OURS}"


def test_a_folder_that_a_list_can_not_hold() -> None:
    assert scan_folders("/own", f"/a:b/{FOLDER}") == "/own"


@pytest.mark.parametrize("path", ['/it\'s "odd"', "/it's $HOME", "/it's \\x", "/two\nlines"])
def test_a_path_that_settings_can_not_hold(path: str) -> None:
    assert php_settings(path) == ""


@pytest.mark.skipif(shutil.which("php") is None, reason="no php")
@pytest.mark.parametrize("path", ["/plain.pem", '/a b"c$x{y};#.pem', "/it's.pem", "/${HOME}.pem", "/back\\slash.pem"])
def test_php_reads_back_what_was_meant(tmp_path: Path, path: str) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "pipelock.ini").write_text(php_settings(path))
    done = subprocess.run(
        ["php", "-r", "echo ini_get('openssl.cafile');"],
        env={**os.environ, "PHP_INI_SCAN_DIR": scan_folders("", str(folder))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == path
