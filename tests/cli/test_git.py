"""`pipelock git`: diffs on standard input, and the hook before a push."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelock.cli import git as git_module
from pipelock.cli._hook import hook_script

Run = Callable[..., tuple[int, str, str]]

# Put together, so that this file holds none itself.
KEY = "AKIA" + "QZ7KJ3MPXW4TDV5N"
PEM = [
    "-----BEGIN RSA PRIVATE " + "KEY-----",
    *["MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1P" for _ in range(3)],
]


@pytest.fixture
def diff(run: Run, tmp_path: Path, compile_once: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Scan a diff; gives exit code, standard output and standard error."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def go(text: str | bytes, *words: str) -> tuple[int, str, str]:
        data = text.encode() if isinstance(text, str) else text
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        return run("git", "scan-diff", *words)

    return go


def adds(*lines: str, path: str = "b/src/app.py", at: int = 1) -> str:
    body = "".join(f"+{line}\n" for line in lines)
    return f"diff --git a/x b/x\n--- a/x\n+++ {path}\n@@ -0,0 +{at},{len(lines)} @@\n{body}"


def test_nothing_and_nothing_new(diff: Run) -> None:
    assert diff("") == (0, "", "")
    assert diff(adds("x = 1")) == (0, "", "")
    assert diff(adds("x = 1"), "--json") == (0, "[]\n", "")
    removed = f"--- a/f\n+++ b/f\n@@ -1,2 +1 @@\n-{KEY}\n {KEY}\n"
    assert diff(removed) == (0, "", "")


def test_a_secret_in_an_added_line(diff: Run) -> None:
    code, out, err = diff(adds("x = 1", f"key = '{KEY}'", at=7))
    assert (code, out) == (1, "")
    first, *_, last = err.splitlines()
    assert first == "src/app.py:8:8: critical: AWS Access ID"
    assert last == "pipelock: secrets found in diff"
    assert KEY not in err


def test_the_json_form(diff: Run) -> None:
    code, out, err = diff(adds(f"key = '{KEY}'"), "--json")
    (entry,) = json.loads(out)
    assert (code, err) == (1, "pipelock: secrets found in diff\n")
    assert set(entry) == {"file", "line", "content", "pattern", "severity"}
    assert (entry["file"], entry["line"], entry["pattern"], entry["severity"]) == (
        "src/app.py",
        1,
        "AWS Access ID",
        "critical",
    )
    assert "AKIA••••5N" in entry["content"]


@pytest.mark.parametrize(
    "lines",
    [
        PEM,
        [KEY.encode().hex()],
        [f"a = '{KEY}' b = '{KEY}'"],
        ["# " + KEY[:10] + "\u200b" + KEY[10:]],
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_no_form_shows_a_secret(diff: Run, lines: list[str], form: str) -> None:
    code, out, err = diff(adds(*lines), "--format", form, "-v")
    assert code == 1
    for secret in (KEY, KEY.encode().hex(), PEM[1][:40]):
        assert secret not in out + err


def test_crlf_and_bytes_that_are_no_text(diff: Run) -> None:
    crlf = adds(f"key = '{KEY}'\r").replace("\n", "\r\n").replace("\r\r\n", "\r\n")
    assert diff(crlf)[0] == 1
    assert diff(adds("x").encode().replace(b"+x", b"+\xff\x00" + KEY.encode() + b"\x00"))[0] == 1


def test_lines_that_do_not_stand_together_keep_their_numbers(diff: Run) -> None:
    text = f"--- a/f\n+++ b/f\n@@ -1,2 +1,3 @@\n a\n+b\n c\n@@ -40,2 +41,3 @@\n x\n+k={KEY}\n y\n"
    _, out, _ = diff(text, "--json")
    assert [entry["line"] for entry in json.loads(out)] == [42]


def test_a_large_addition_is_looked_at_in_parts(diff: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_module, "_PART", 4000)
    monkeypatch.setattr(git_module, "_OVERLAP", 1000)
    lines = [f"line number {number}" for number in range(900)]
    for number in (5, 450, 898):
        lines[number] = f"key = '{KEY[:-1]}{'ABCD'[number % 4]}'"
    _, out, _ = diff(adds(*lines), "--json")
    assert [entry["line"] for entry in json.loads(out)] == [6, 451, 899]


def test_comments_entries_and_exclusions(diff: Run, tmp_path: Path) -> None:
    excused = adds(f"key = '{KEY}'  # pipelock:ignore")
    assert diff(excused)[0] == 0
    assert diff(excused, "--no-ignore")[0] == 1
    code, _, err = diff(excused, "-v")
    assert (code, "suppressed: inline" in err) == (0, True)
    assert diff(adds(KEY), "--exclude", "src/")[0] == 0
    assert diff(adds(KEY), "--exclude", "lib/")[0] == 1
    (tmp_path / "c.yaml").write_text(
        "dlp: {patterns: [{name: Badge, regex: 'badge-[0-9]{9}', severity: high}]}\n"
        "suppress: [{rule: Badge, path: src/}]\n"
    )
    assert diff(adds("badge-123456789"), "-c", "c.yaml")[0] == 0
    assert diff(adds("badge-123456789", path="b/lib/a"), "-c", "c.yaml")[0] == 1


@pytest.mark.parametrize("text", ["not a diff\n", "--- a/f\n+++ b/f\n@@ -0,0 +1,2 @@\n+one\n"])
def test_what_is_no_whole_diff_is_an_error(diff: Run, text: str) -> None:
    code, out, err = diff(text)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_a_diff_that_is_too_large(diff: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_module, "MAX_DIFF", 200)
    assert diff(adds("x"))[0] == 0
    assert diff(adds("x" * 200))[0] == 2


def test_the_result_in_a_file(diff: Run, tmp_path: Path) -> None:
    code, out, err = diff(adds(KEY), "--format", "sarif", "-o", "out.sarif")
    assert (code, out, err) == (1, "", "pipelock: secrets found in diff\n")
    assert json.loads((tmp_path / "out.sarif").read_text())["runs"][0]["results"]


@pytest.mark.parametrize("words", [("scan-diff", "--force"), ("install-hooks", "--json"), ("other",), ()])
def test_wrong_command_lines(run: Run, words: tuple[str, ...]) -> None:
    code, _, err = run("git", *words)
    assert (code, err.count("\n")) == (2, 1)


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def git(folder: Path, *words: str, **options: bool) -> subprocess.CompletedProcess[str]:
    setting = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *setting, *words]
    return subprocess.run(command, capture_output=True, text=True, check=options.get("check", True))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "work"
    git(tmp_path, "init", "-q", "--bare", "origin.git")
    git(tmp_path, "init", "-q", "-b", "main", "work")
    git(folder, "remote", "add", "origin", str(tmp_path / "origin.git"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PIPELOCK_HOME", str(tmp_path / "home"))
    return folder


@needs_git
def test_the_hook_is_written_where_git_looks(run: Run, repository: Path) -> None:
    path = repository / ".git" / "hooks" / "pre-push"
    code, out, _ = run("git", "install-hooks", "--binary", "/opt/pipelock")
    assert (code, out) == (0, f"wrote {path}\n")
    assert path.stat().st_mode & 0o777 == 0o755
    assert "/opt/pipelock git scan-diff" in path.read_text()
    assert run("git", "install-hooks", "--binary", "/opt/pipelock")[0] == 0  # ours again
    path.write_text("#!/bin/sh\nexit 0\n")
    code, _, err = run("git", "install-hooks", "--binary", "/opt/pipelock")
    assert (code, "--force" in err) == (1, True)
    assert path.read_text() == "#!/bin/sh\nexit 0\n"
    assert run("git", "install-hooks", "--binary", "/opt/pipelock", "--force")[0] == 0
    git(repository, "config", "core.hooksPath", "my hooks")
    assert run("git", "install-hooks", "--binary", "/opt/pipelock")[0] == 0
    assert (repository / "my hooks" / "pre-push").exists()


@needs_git
def test_outside_a_repository(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    code, _, err = run("git", "install-hooks", "--binary", "x")
    assert (code, err.count("\n")) == (1, 1)


def a_scanner(folder: Path, script: str) -> str:
    """A program in place of pipelock, so that the hook is tested and not the scan."""
    path = folder / "a scanner"
    path.write_text(f"#!{sys.executable}\nimport sys\ndata = sys.stdin.read()\n{script}\n")
    path.chmod(0o755)
    return str(path)


@needs_git
def test_a_push_passes_or_is_refused_commit_by_commit(run: Run, repository: Path, tmp_path: Path) -> None:
    scanner = a_scanner(tmp_path, "sys.exit(1 if '+SECRET' in data else 0)")
    assert run("git", "install-hooks", "--binary", scanner)[0] == 0
    file = repository / "a.txt"

    def commit(text: str) -> None:
        file.write_text(text)
        git(repository, "add", ".")
        git(repository, "commit", "-q", "-m", "x")

    commit("one\n")
    assert git(repository, "push", "-q", "origin", "main", check=False).returncode == 0
    commit("SECRET\n")
    commit("gone again\n")
    refused = git(repository, "push", "-q", "origin", "main", check=False)
    assert (refused.returncode, "the push is refused" in refused.stderr) == (1, True)
    # Attributes that call a file binary hide nothing.
    (repository / ".gitattributes").write_text("*.txt -diff\n")
    assert git(repository, "push", "-q", "origin", "main", check=False).returncode == 1
    git(repository, "push", "-q", "origin", ":refs/heads/other", check=False)
    assert git(repository, "push", "-q", "origin", "main~2:refs/heads/new", check=False).returncode == 0


@needs_git
@pytest.mark.parametrize("script", ["sys.exit(2)", "raise SystemError"])
def test_what_goes_wrong_refuses(run: Run, repository: Path, tmp_path: Path, script: str) -> None:
    assert run("git", "install-hooks", "--binary", a_scanner(tmp_path, script))[0] == 0
    (repository / "a.txt").write_text("one\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "x")
    assert git(repository, "push", "-q", "origin", "main", check=False).returncode == 1
    assert run("git", "install-hooks", "--binary", str(tmp_path / "none"))[0] == 0
    assert git(repository, "push", "-q", "origin", "main", check=False).returncode == 1


def test_names_with_quotes_and_spaces_are_safe_in_the_script(tmp_path: Path) -> None:
    script = hook_script("/opt/it's here/pipelock", tmp_path / "my $config.yaml")
    done = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "'/opt/it'\"'\"'s here/pipelock' git scan-diff -c" in script
