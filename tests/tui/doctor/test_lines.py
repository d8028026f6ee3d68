from __future__ import annotations

from pipelock_tui import testing
from pipelock_tui.doctor.lines import check_lines
from pipelock_tui.text import plain


def test_what_fails_comes_first_with_what_to_do() -> None:
    text = "\n".join(plain(line) for line in check_lines(testing.checks()))
    assert "4 checks: 1 fail, 1 warn, 2 ok" in text
    assert text.index("✗ fail  audit log") < text.index("! warn  proxy variables") < text.index("✓ ok")
    assert "→ eval $(pipelock env)" in text


def test_no_checks() -> None:
    assert "checked nothing" in "\n".join(plain(line) for line in check_lines(()))
