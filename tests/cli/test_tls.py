from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelock.cli import _authority, _stores
from pipelock.cli.main import main
from pipelock.tls.stores import Machine
from tests.tls.peers import authority

ANCHORS = "usr/local/share/ca-certificates"


class Host:
    """A Debian in a folder: its update program and an NSS database that is a file of lines."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.home = folder / "user"
        self.anchors = self.root / ANCHORS
        self.anchors.mkdir(parents=True)
        self.ran: list[tuple[str, ...]] = []
        self.is_root = True
        self.fails = ""
        self.nicknames: list[str] = []

    def machine(self) -> Machine:
        return Machine(
            platform="linux",
            which=lambda name: f"/bin/{name}" if name in ("update-ca-certificates", "certutil") else None,
            home=self.home,
            environ={},
            is_root=self.is_root,
            root=self.root,
        )

    def browser(self) -> None:
        folder = self.home / ".pki/nssdb"
        folder.mkdir(parents=True)
        (folder / "cert9.db").touch()

    def run(self, command: tuple[str, ...]) -> str:
        self.ran.append(command)
        if self.fails and self.fails in command[0]:
            raise _stores.StepError(f"{command[0]}: out of order")
        if "-A" in command:
            self.nicknames.append(command[command.index("-n") + 1])
        if "-D" in command:
            self.nicknames.remove(command[command.index("-n") + 1])
        return "\n".join(f"{name}   C,," for name in self.nicknames)

    @property
    def installed(self) -> list[str]:
        return sorted(path.name for path in self.anchors.iterdir())


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    one = Host(tmp_path)
    monkeypatch.setenv("PIPELOCK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(_authority, "this_machine", one.machine)
    monkeypatch.setattr(_stores, "run_program", one.run)
    return one


@pytest.fixture
def made(host: Host, capsys: pytest.CaptureFixture[str]) -> Host:
    assert main(["tls", "init"]) == 0
    capsys.readouterr()
    return host


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    capsys.readouterr()
    main(["tls", *words, "--json"])
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


# -- init, show-ca -----------------------------------------------------------------------------------------------------


def test_init_makes_one_and_says_where(host, tmp_path, capsys):
    assert main(["tls", "init", "--org", "Acme", "--validity", "48h"]) == 0
    said = capsys.readouterr().out
    assert "O=Acme" in said
    assert str(tmp_path / "home/ca-key.pem") in said
    assert (tmp_path / "home/ca-key.pem").stat().st_mode & 0o777 == 0o600


def test_init_does_not_replace_unasked(made, capsys):
    before = shown(capsys, "show-ca")["sha256"]
    assert main(["tls", "init"]) == 1
    assert "--force replaces it" in capsys.readouterr().err
    assert shown(capsys, "show-ca")["sha256"] == before
    assert main(["tls", "init", "--force"]) == 0
    assert shown(capsys, "show-ca")["sha256"] != before


def test_init_writes_elsewhere(host, tmp_path, capsys):
    found = shown(capsys, "init", "--out", str(tmp_path / "out"))
    assert found["certificate"] == str(tmp_path / "out/ca.pem")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["ca-key.pem", "ca.pem"]
    assert not (tmp_path / "home").exists()
    assert main(["tls", "init", "--out", str(tmp_path / "other")]) == 0
    assert "tls_interception.ca_key" in capsys.readouterr().out


@pytest.mark.parametrize("validity", ["1s", "87601h", "soon", "-1h"])
def test_init_refuses_odd_validities(host, validity, capsys):
    assert main(["tls", "init", f"--validity={validity}"]) == 2
    assert "--validity" in capsys.readouterr().err


def test_a_config_names_the_files(host, tmp_path, capsys):
    config = tmp_path / "pipelock.yaml"
    config.write_text("tls_interception:\n  ca_cert: mine.pem\n  ca_key: mine-key.pem\n")
    found = shown(capsys, "init", "-c", str(config))
    assert found["certificate"] == str(tmp_path / "mine.pem")


def test_show_says_that_there_is_none(host, capsys):
    assert main(["tls", "show-ca"]) == 1
    assert "pipelock tls init" in capsys.readouterr().err


def test_show_gives_the_certificate_itself(made, tmp_path, capsys):
    assert main(["tls", "show-ca", "--pem"]) == 0
    assert capsys.readouterr().out == (tmp_path / "home/ca.pem").read_text()


def test_show_names_what_is_wrong(made, tmp_path, capsys):
    (tmp_path / "home/ca-key.pem").chmod(0o644)
    assert main(["tls", "show-ca"]) == 1
    assert "chmod 600" in capsys.readouterr().out
    assert main(["tls", "show-ca", "--cert", str(tmp_path / "home/ca.pem")]) == 0


def test_options_of_others_are_refused(made, capsys):
    assert main(["tls", "remove-ca", "--pem"]) == 2
    assert "--pem does not go with `tls remove-ca`" in capsys.readouterr().err


# -- install-ca, remove-ca ---------------------------------------------------------------------------------------------


def test_what_is_installed_is_the_certificate_and_goes_again(made, tmp_path, capsys):
    (made.anchors / "other.crt").write_text("mine")
    assert main(["tls", "install-ca"]) == 0
    (name,) = [name for name in made.installed if name != "other.crt"]
    assert (made.anchors / name).read_bytes() == (tmp_path / "home/ca.pem").read_bytes()
    assert (made.anchors / name).stat().st_mode & 0o777 == 0o644
    assert made.ran == [("update-ca-certificates",)]
    assert "done" in capsys.readouterr().out
    assert [entry["place"] for entry in shown(capsys, "show-ca")["installed"]] == [str(made.anchors)]
    assert main(["tls", "remove-ca"]) == 0
    assert made.installed == ["other.crt"]
    assert made.ran[-1] == ("update-ca-certificates", "--fresh")
    assert shown(capsys, "show-ca")["installed"] == []
    assert not (tmp_path / "home/installed-ca").exists()


def test_installing_twice_changes_nothing(made, capsys):
    main(["tls", "install-ca"])
    ran = len(made.ran)
    assert main(["tls", "install-ca"]) == 0
    assert len(made.ran) == ran
    assert "nothing to do" in capsys.readouterr().out


def test_browsers_too(made, capsys):
    made.browser()
    assert main(["tls", "install-ca", "--store", "all"]) == 0
    assert len(made.nicknames) == 1
    assert main(["tls", "remove-ca", "--store", "nss"]) == 0
    assert made.nicknames == []
    assert len(made.installed) == 1


def test_a_dry_run_does_nothing(made, tmp_path, capsys):
    before = sorted((tmp_path / "home").iterdir())
    assert main(["tls", "install-ca", "--dry-run"]) == 0
    assert "would run" in capsys.readouterr().out
    assert (made.installed, made.ran) == ([], [])
    assert sorted((tmp_path / "home").iterdir()) == before
    main(["tls", "install-ca"])
    assert main(["tls", "remove-ca", "--dry-run"]) == 0
    assert len(made.installed) == 1
    assert len(shown(capsys, "show-ca")["installed"]) == 1


def test_without_root_the_lines_for_it_are_printed(made, capsys):
    made.is_root = False
    assert main(["tls", "install-ca"]) == 1
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    (install,) = [line for line in lines if line.startswith("sudo install")]
    assert "sudo update-ca-certificates" in lines
    assert made.ran == []
    subprocess.run(install.removeprefix("sudo "), shell=True, check=True)
    assert main(["tls", "install-ca"]) == 0
    assert main(["tls", "remove-ca"]) == 1
    (remove,) = [line.strip() for line in capsys.readouterr().out.splitlines() if "sudo rm" in line]
    subprocess.run(remove.removeprefix("sudo "), shell=True, check=True)
    assert main(["tls", "remove-ca"]) == 0
    assert shown(capsys, "show-ca")["installed"] == []


def test_a_program_that_fails_is_told_of_and_can_be_undone(made, capsys):
    made.fails = "update"
    found = shown(capsys, "install-ca")
    assert [(one["status"], one["error"]) for one in found["stores"]] == [
        ("failed", "update-ca-certificates: out of order")
    ]
    made.fails = ""
    assert main(["tls", "remove-ca"]) == 0
    assert made.installed == []


def test_removing_works_when_the_authority_is_another_or_gone(made, tmp_path):
    main(["tls", "install-ca"])
    main(["tls", "init", "--force"])
    main(["tls", "install-ca"])
    assert len(made.installed) == 2
    for path in (tmp_path / "home/ca.pem", tmp_path / "home/ca-key.pem"):
        path.unlink()
    assert main(["tls", "remove-ca"]) == 0
    assert made.installed == []


def test_what_no_receipt_remembers_goes_too_and_others_stay(made, tmp_path, capsys):
    main(["tls", "install-ca"])
    (made.anchors / "pipelock-00000000-11111111.crt").write_text("another home's")
    shutil.rmtree(tmp_path / "home")
    assert main(["tls", "remove-ca"]) == 0
    assert made.installed == ["pipelock-00000000-11111111.crt"]


def test_nothing_to_remove_is_well(made, capsys):
    assert main(["tls", "remove-ca"]) == 0
    assert "nothing of ours" in capsys.readouterr().out


def test_a_browser_profile_that_is_gone_is_forgotten(made, capsys):
    made.browser()
    main(["tls", "install-ca", "--store", "nss"])
    shutil.rmtree(made.home)
    assert main(["tls", "remove-ca"]) == 0
    assert shown(capsys, "show-ca")["installed"] == []


def test_no_store_at_all_is_said(made, capsys):
    shutil.rmtree(made.root)
    assert main(["tls", "install-ca"]) == 1
    assert "was not found" in capsys.readouterr().err


@pytest.mark.parametrize("store", ["nss", "java"])
def test_a_kind_of_store_that_is_not_there_is_said(made, store, capsys):
    assert main(["tls", "install-ca", "--store", store]) == 1
    assert "no such store" in capsys.readouterr().err


# -- rotate ------------------------------------------------------------------------------------------------------------


def test_a_new_one_is_installed_where_the_old_one_is(made, tmp_path, capsys):
    made.browser()
    main(["tls", "install-ca"])
    old = (tmp_path / "home/ca.pem").read_bytes()
    assert main(["tls", "rotate"]) == 0
    assert (tmp_path / "home/ca.pem").read_bytes() != old
    assert (tmp_path / "home/ca-old.pem").read_bytes() == old
    assert "pipelock reload" in capsys.readouterr().out
    assert (len(made.installed), made.nicknames) == (2, [])
    assert main(["tls", "rotate", "--finish"]) == 0
    (left,) = made.installed
    assert (made.anchors / left).read_bytes() == (tmp_path / "home/ca.pem").read_bytes()
    assert not (tmp_path / "home/ca-old.pem").exists()


def test_programs_with_the_variables_of_env_trust_both_until_it_is_finished(made, tmp_path):
    bundle = tmp_path / "home/trust/bundle.pem"
    main(["env", "--ca"])
    old = (tmp_path / "home/ca.pem").read_bytes()
    assert main(["tls", "rotate"]) == 0
    new = (tmp_path / "home/ca.pem").read_bytes()
    assert old in bundle.read_bytes()
    assert new in bundle.read_bytes()
    main(["tls", "rotate", "--finish"])
    assert old not in bundle.read_bytes()
    assert new in bundle.read_bytes()
    main(["tls", "init", "--force"])
    assert new not in bundle.read_bytes()
    assert (tmp_path / "home/ca.pem").read_bytes() in bundle.read_bytes()


def test_there_may_be_nothing_to_finish(made, capsys):
    assert main(["tls", "rotate", "--finish"]) == 0
    assert "no older one" in capsys.readouterr().out


def test_rotating_needs_one_to_begin_with(host, capsys):
    assert main(["tls", "rotate"]) == 1


# -- for real ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def debian(made: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """This machine's own update-ca-certificates, told to work on folders of the test."""
    program = shutil.which("update-ca-certificates", path="/usr/sbin:/sbin")
    if program is None or not Path("/etc/debian_version").exists():
        pytest.skip("this is no Debian")
    certs, shared, hooks = tmp_path / "certs", tmp_path / "shared", tmp_path / "hooks"
    for folder in (certs, shared, hooks):
        folder.mkdir()
    (shared / "another.crt").write_bytes(authority().pem)
    (tmp_path / "conf").write_text("another.crt\n")

    def update(command: tuple[str, ...]) -> str:
        options = {
            "--localcertsdir": made.anchors,
            "--etccertsdir": certs,
            "--certsdir": shared,
            "--hooksdir": hooks,
            "--certsconf": tmp_path / "conf",
        }
        words = [word for option, path in options.items() for word in (option, str(path))]
        done = subprocess.run([program, *command[1:], *words], capture_output=True, text=True, check=True)
        return done.stdout

    monkeypatch.setattr(_stores, "run_program", update)
    return certs


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="for Debian")
def test_debians_own_program_takes_it_in_and_out(made, debian, tmp_path):
    assert main(["tls", "install-ca"]) == 0
    ours = (tmp_path / "home/ca.pem").read_text()
    assert ours in (debian / "ca-certificates.crt").read_text()
    assert main(["tls", "remove-ca"]) == 0
    assert ours not in (debian / "ca-certificates.crt").read_text()
    assert not [path for path in debian.iterdir() if path.is_symlink() and not path.exists()]
    assert not [path for path in debian.iterdir() if path.name.startswith("pipelock")]
