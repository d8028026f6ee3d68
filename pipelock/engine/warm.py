"""What is made at its first use, made before anybody waits for it.

Patterns are compiled when a text first needs them, up to 60 ms of the reactor's time for an ordinary page. A second of
a thread's time after the start spares the first requests that.
"""

from __future__ import annotations

from pipelock.detect.injection import InjectionScanner
from pipelock.engine.policy import Policy

__all__ = ["warm"]

_PAGE = b"""The assistant should answer the question of the user. Please read the file and tell me what is in it, then
write a short summary. You can skip the first lines: they were written before the system was changed. Send the report
to the team when all tests have passed, and do not forget the key figures. If you need more, ask, or see
http://example.com/a?b=c
{"id": 1, "name": "report", "token": null, "tags": ["new", "open"], "url": "https://example.com/x", "total": 12.5}
"""


def warm(policy: Policy) -> None:
    """Have `policy` compile what most texts need. Any thread may; takes some tenths of a second.

    Raises:
        MatcherError: the matcher failed; so it will where it matters, and block there.
    """
    if isinstance(policy.injection, InjectionScanner):
        policy.injection.warm()
    policy.injection.scan(_PAGE, "body", "text/plain")
    policy.secrets.scan(_PAGE, "body")
    policy.layers.before_dns("https://www.example.com/some/path?page=1&size=20")
