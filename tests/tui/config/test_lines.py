from __future__ import annotations

from pipelock.model import ConfigReview
from pipelock_tui import testing
from pipelock_tui.config.lines import review_lines
from pipelock_tui.text import plain


def text_of(review: ConfigReview) -> str:
    return "\n".join(plain(line) for line in review_lines(review, "f7"))


def test_what_differs_and_what_it_gives_up() -> None:
    text = text_of(testing.config_review())
    for words in [
        "4 keys changed",
        "WEAKER IN 2 WAYS",
        "mode ! weaker\n    - balanced\n    + audit\n      nothing is refused any more",
        "fetch_proxy.listen only at the next start",
        "api_allowlist is empty",
    ]:
        assert words in text


def test_a_file_that_is_in_force() -> None:
    text = text_of(ConfigReview("/etc/pipelock.yaml", "aa", "aa", warnings=("old key",)))
    assert "policy aa, the same" in text
    assert "The file is what is in force." in text
    assert "! old key" in text


def test_a_file_that_can_not_be_used() -> None:
    text = text_of(ConfigReview("", "aa", error="line 3: no such key\nline 4: neither"))
    assert "THE FILE CAN'T BE USED" in text
    assert "line 3: no such key\n  line 4: neither" in text
    assert "a built-in preset" in text
