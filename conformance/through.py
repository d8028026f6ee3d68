"""A pytest plug-in for other people's suites: tests that talk to a server do so through a proxy.

Put its folder on PYTHONPATH and say `-p through`. CONFORMANCE_PROXY is the proxy, empty for none, CONFORMANCE_SERVERS a
comma-separated list of the fixtures that start servers and of the files whose tests start their own. The variables are
set after the fixtures ran, because careful suites clear them there; a test that set one itself keeps it. Tests without
a server (of how proxies are chosen, for one) run as they are, or not at all if CONFORMANCE_ONLY_SERVED is set.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable

import pytest

_SETS = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_CLEARS = ("NO_PROXY", "no_proxy")


def is_served(fixtures: Iterable[str], file: str, servers: str) -> bool:
    """Does a test with these fixtures, from this file, talk to a server?"""
    names = set(servers.split(","))
    return file in names or not names.isdisjoint(fixtures)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests without a server out where that is wanted."""
    if not os.environ.get("CONFORMANCE_ONLY_SERVED"):
        return
    left_out = [item for item in items if not _is_served(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if _is_served(item)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Set the variables around the test itself."""
    proxy = os.environ["CONFORMANCE_PROXY"]
    kept = {name: os.environ.get(name) for name in (*_SETS, *_CLEARS)}
    if proxy and _is_served(item) and not any(kept.values()):
        os.environ.update(dict.fromkeys(_SETS, proxy))
    try:
        return (yield)
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _is_served(item: pytest.Item) -> bool:
    return is_served(getattr(item, "fixturenames", ()), item.path.name, os.environ["CONFORMANCE_SERVERS"])
