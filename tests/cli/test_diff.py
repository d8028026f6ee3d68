"""Reading diffs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.cli._diff import DiffError, added_lines


def read(text: str | bytes) -> dict[str, list[tuple[int, str]]]:
    data = text.encode() if isinstance(text, str) else text
    return {
        one.path: [(number, line.decode("latin-1")) for number, line in one.lines]
        for one in added_lines(data.splitlines(keepends=True))
    }


SIMPLE = """\
diff --git a/app.py b/app.py
index 83db48f..bf269f4 100644
--- a/app.py
+++ b/app.py
@@ -1,3 +1,4 @@ def main():
 one
-two
+2
+two and a half
 three
@@ -10 +11,0 @@
-gone
"""


def test_added_lines_have_the_numbers_of_the_new_file() -> None:
    assert read(SIMPLE) == {"app.py": [(2, "2"), (3, "two and a half")]}


def hunk(*lines: str, path: str = "b/f") -> str:
    added = sum(line.startswith("+") for line in lines)
    return f"--- /dev/null\n+++ {path}\n@@ -0,0 +1,{added} @@\n" + "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n", {}),
        ("diff --git a/p.png b/p.png\nBinary files a/p.png and b/p.png differ\n", {}),
        ("diff --git a/p b/p\nGIT binary patch\nliteral 4\nLc$x\n\nliteral 0\nHc$@<O00001\n\n", {}),
        ("diff --git a/x b/x\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n", {}),
        (hunk("+a", "\\ No newline at end of file"), {"f": [(1, "a")]}),
        # What looks like a header inside a hunk is content.
        (hunk("+++ b/other", "+@@ -1 +1 @@", "+diff --git a/x b/y"), {"f": [(1, "++ b/other"), (2, "@@ -1 +1 @@"), (3, "diff --git a/x b/y")]}),
        (hunk("+a\r"), {"f": [(1, "a\r")]}),
        (hunk("+a", path='"b/caf\\303\\251 \\"x\\".py"'), {'café "x".py': [(1, "a")]}),
        (hunk("+a", path="b/a b.py\t"), {"a b.py": [(1, "a")]}),
        ("diff --git b/f b/f\n" + hunk("+a"), {"b/f": [(1, "a")]}),
        ("diff --git i/f w/f\n" + hunk("+a", path="w/f"), {"f": [(1, "a")]}),
        (
            "commit 1234\nAuthor: x\n\n    a message\n    +++ not this\n\n" + SIMPLE + "-- \n2.39.2\n",
            {"app.py": [(2, "2"), (3, "two and a half")]},
        ),
        # An empty line of context whose blank a mailer has cut.
        ("--- a/f\n+++ b/f\n@@ -1,2 +1,3 @@\n\n+a\n x\n", {"f": [(2, "a")]}),
        (
            "diff --cc f\n--- a/f\n+++ b/f\n@@@ -1,3 -1,2 +1,3 @@@\n  same\n +from theirs\n++both\n- ours\n -theirs\n",
            {"f": [(2, "from theirs"), (3, "both")]},
        ),
    ],
)  # fmt: skip
def test_forms(text: str, expected: dict[str, list[tuple[int, str]]]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("password = 1\n", "no unified diff"),
        ("--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n x\n", "ends inside"),
        ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n?x\n", "line 4"),
        ("--- a/f\n+++ b/f\n@@ -x +1 @@\n", "line 3"),
        ("--- a/f\n+++ b/f\n@@ -1 @@\n", "line 3"),
        ("--- a/f\n+++ b/f\n@@ -1 +0,0 @@\n+x\n", "line 4"),
        ("\x1b[1mdiff --git a/f b/f\x1b[m\n", "coloured"),
        ("@@@@@@ x\n", "line 1"),
    ],
)
def test_what_can_not_be_read_is_an_error(text: str, message: str) -> None:
    with pytest.raises(DiffError, match=message):
        read(text)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(st.sampled_from('+-@\\ "/ab\n\r\x1b,0123\t'), max_size=12), max_size=20))
def test_any_text_is_read_or_refused(lines: list[str]) -> None:
    try:
        read("--- a/f\n+++ b/f\n" + "\n".join(lines))
    except DiffError as error:
        assert str(error)  # noqa: PT017 - refusing is right too


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_what_git_writes_is_read(tmp_path: Path) -> None:
    def git(*words: str) -> bytes:
        setting = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", "-C", str(tmp_path), *setting, *words], capture_output=True, check=True)
        return done.stdout

    git("init", "-q", "-b", "main")
    (tmp_path / "plain.txt").write_text("one\ntwo\nthree\n")
    (tmp_path / "gone.txt").write_text("x\n")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    (tmp_path / "plain.txt").write_text("zero\none\nTWO\nthree\nfour")
    (tmp_path / "gone.txt").unlink()
    (tmp_path / 'döwn "here".txt').write_text("++ b/x\n@@ -1 +1 @@\n")
    (tmp_path / "bytes.bin").write_bytes(bytes(range(256)))
    (tmp_path / "crlf.txt").write_bytes(b"a\r\nb\r\n")
    git("add", ".")
    assert read(git("diff", "--cached")) == {
        "plain.txt": [(1, "zero"), (3, "TWO"), (5, "four")],
        'döwn "here".txt': [(1, "++ b/x"), (2, "@@ -1 +1 @@")],
        "crlf.txt": [(1, "a\r"), (2, "b\r")],
    }
    git("commit", "-q", "-m", "second")
    assert "plain.txt" in read(git("log", "-p", "--format=%B"))
