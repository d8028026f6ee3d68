from __future__ import annotations

from pipelock.engine.warm import warm
from tests.factories import FakeInjection, FakeSecrets, a_policy


def test_every_scanner_has_read_something() -> None:
    class Reader(FakeInjection):
        read = 0

        def scan(self, data, place, content_type="", *, value=False):
            self.read += len(data)
            return super().scan(data, place, content_type, value=value)

    secrets, injection = FakeSecrets(), Reader()
    warm(a_policy(secrets=secrets, injection=injection))
    assert injection.read
    assert any(place == "body" for place, _ in secrets.asked)
    assert any(place.startswith("url") for place, _ in secrets.asked)
