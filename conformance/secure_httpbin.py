"""A pytest plug-in: the plain server of pytest-httpbin speaks TLS, so that every test of a suite goes inside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from httpbin import app
from pytest_httpbin import serve


class _Secure:
    @pytest.fixture(scope="session")
    def httpbin(self) -> Iterator[serve.SecureServer]:
        """The plain server's name, the other's protocol."""
        server = serve.SecureServer(application=app)
        server.start()
        yield server
        server.stop()


def pytest_configure(config: pytest.Config) -> None:
    """Of two fixtures of one name the one that is registered last is taken; this is after pytest-httpbin's own."""
    config.pluginmanager.register(_Secure())
