from __future__ import annotations

import msgspec

from pipelock_tui import testing
from pipelock_tui.plain.printing import prompt_lines


def test_a_prompt_says_what_taint_weighed() -> None:
    lines = prompt_lines(
        testing.pending(taint=testing.weighed(source="https://x.example/\x1b[2J")), testing.StillClock()
    )
    told = [line for line in lines if line.startswith("  taint: ")]
    assert told[1] == "  taint: source    https://x.example/\\x1b[2J  (response)"
    assert "demands   ? ask" in told[-1]
    assert not any("taint" in line for line in prompt_lines(testing.pending(), testing.StillClock()))


def test_a_prompt_says_what_git_says_that_it_wants() -> None:
    held = testing.pending()
    action = msgspec.structs.replace(held.action, remote="git push git@github.com:o/r.git")
    lines = prompt_lines(msgspec.structs.replace(held, action=action), testing.StillClock())
    assert "  says: git push git@github.com:o/r.git" in lines
