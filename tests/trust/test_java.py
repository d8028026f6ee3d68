from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.trust.java import java_options, without_ours

PROXY = "http://127.0.0.1:8888"
OURS = (
    "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=8888 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=8888 "
    "-Dhttp.nonProxyHosts="
)
TRUST = (
    "-Dpipelock.trust=1 -Djavax.net.ssl.trustStore=/h/t.p12 -Djavax.net.ssl.trustStoreType=PKCS12 "
    "-Djavax.net.ssl.trustStorePassword=changeit"
)


def test_the_proxy_stands_after_what_the_user_has() -> None:
    assert java_options("", PROXY, "") == OURS
    assert java_options("-Xmx1g '-Da=b c'", PROXY, "/h/t.p12") == f"-Xmx1g '-Da=b c' {OURS} {TRUST}"


def test_an_ipv6_listener_has_no_brackets_there() -> None:
    assert "-Dhttps.proxyHost=::1 -Dhttps.proxyPort=3128" in java_options("", "http://[::1]:3128", "")


@pytest.mark.parametrize(
    ("exceptions", "written"),
    [("", "="), ("a.example", "=a.example"), ("a.example, .b.example,", "=a.example|*.b.example")],
)
def test_exceptions_in_java_s_spelling(exceptions: str, written: str) -> None:
    assert f"-Dhttp.nonProxyHosts{written}" in java_options("", PROXY, "", exceptions).split()


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/my home/t", '"-Djavax.net.ssl.trustStore=/my home/t"'),
        ('/my "home"/t', "'-Djavax.net.ssl.trustStore=/my \"home\"/t'"),
    ],
)
def test_paths_with_spaces_are_quoted(path: str, written: str) -> None:
    assert written in java_options("", PROXY, path)


def test_a_path_that_can_not_be_written_is_left_out() -> None:
    assert java_options("", PROXY, '/it\'s "odd"/t') == OURS


def test_the_user_s_own_truststore_is_not_taken_for_ours() -> None:
    own = "-Djavax.net.ssl.trustStore=/corp/store -Djavax.net.ssl.trustStorePassword=secret"
    assert without_ours(java_options(own, PROXY, "/h/t.p12")) == own


@settings(max_examples=60)
@given(st.text(alphabet="ab -D='\"\t", max_size=40), st.sampled_from(["", "/h/t.p12", "/my home/t.p12"]))
def test_adding_twice_is_adding_once_and_can_be_undone(user: str, store: str) -> None:
    if user.count("'") % 2 or user.count('"') % 2 or ("'" in user and '"' in user):
        return  # a quote that nothing closes swallows what follows, in Java too
    kept = without_ours(user)
    once = java_options(user, PROXY, store)
    assert java_options(once, PROXY, store) == once
    assert without_ours(once) == kept
    assert without_ours(kept) == kept


@pytest.mark.skipif(shutil.which("java") is None, reason="no java")
def test_java_takes_a_path_with_a_space() -> None:
    options = java_options("'-Da=b c'", PROXY, "/my home/t.p12")
    done = subprocess.run(
        ["java", "-XshowSettings:properties", "-version"],
        env={"JAVA_TOOL_OPTIONS": options, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    shown = {line.strip() for line in done.stderr.splitlines()}
    assert {"a = b c", "javax.net.ssl.trustStore = /my home/t.p12", "http.nonProxyHosts ="} <= shown
