import os
import types

import pytest

from conformance.through import is_served, pytest_collection_modifyitems, pytest_runtest_call

PROXY = "http://127.0.0.1:8888"


@pytest.mark.parametrize(
    ("fixtures", "file", "expected"),
    [
        (["server", "tmp_path"], "test_a.py", True),
        (["tmp_path"], "test_raw.py", True),
        (["tmp_path"], "test_a.py", False),
        ([], "server", True),
    ],
)
def test_which_tests_talk_to_servers(fixtures, file, expected):
    assert is_served(fixtures, file, "server,test_raw.py") is expected


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("CONFORMANCE_PROXY", PROXY)
    monkeypatch.setenv("CONFORMANCE_SERVERS", "server")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    def call(*fixtures):
        hook = pytest_runtest_call(types.SimpleNamespace(fixturenames=fixtures, path=tmp_path / "test_a.py"))
        next(hook)
        during = os.environ.get("HTTP_PROXY"), os.environ.get("https_proxy")
        with pytest.raises(StopIteration):
            hook.send(None)
        return during

    return call


def test_the_proxy_is_set_around_a_test_with_a_server_and_gone_afterwards(run):
    assert run("server") == (PROXY, PROXY)
    assert "HTTP_PROXY" not in os.environ


def test_other_tests_run_as_they_are(run):
    assert run("tmp_path") == (None, None)


def test_what_a_fixture_set_stays(run, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://its.own:1")
    assert run("server") == ("http://its.own:1", None)
    assert os.environ["HTTP_PROXY"] == "http://its.own:1"


def test_no_proxy_is_no_proxy(run, monkeypatch):
    monkeypatch.setenv("CONFORMANCE_PROXY", "")
    assert run("server") == (None, None)


@pytest.mark.parametrize(("only", "left"), [("", 2), ("yes", 1)])
def test_tests_without_a_server_are_left_out_where_wanted(monkeypatch, tmp_path, only, left):
    monkeypatch.setenv("CONFORMANCE_SERVERS", "server")
    monkeypatch.setenv("CONFORMANCE_ONLY_SERVED", only)
    told = []
    config = types.SimpleNamespace(hook=types.SimpleNamespace(pytest_deselected=lambda *, items: told.extend(items)))
    items = [types.SimpleNamespace(fixturenames=[name], path=tmp_path / "a.py") for name in ("server", "tmp_path")]
    pytest_collection_modifyitems(config, items)
    assert len(items) == left
    assert len(told) == 2 - left
    assert items[0].fixturenames == ["server"]
