from __future__ import annotations

from pipelock.trust.variables import ADDED, REPLACING, TrustFiles, cleared, names, variables

PROXY = "http://127.0.0.1:8899"
FILES = TrustFiles(
    "/h/ca.pem", "/h/trust/bundle.pem", "/h/trust/truststore.p12", "/h/trust/wgetrc", "/h/trust/pipelock-php"
)


def test_without_files_there_is_no_word_of_trust() -> None:
    chosen = variables(PROXY, None, {})
    assert not set(chosen) & {*ADDED, *REPLACING}
    assert "trustStore" not in chosen["JAVA_TOOL_OPTIONS"]
    assert chosen["NODE_USE_ENV_PROXY"] == "1"


def test_both_spellings_of_the_proxy() -> None:
    chosen = variables(PROXY, None, {})
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        assert chosen[name] == chosen[name.lower()] == PROXY
    assert (chosen["CLOUDSDK_PROXY_ADDRESS"], chosen["CLOUDSDK_PROXY_PORT"]) == ("127.0.0.1", "8899")


def test_no_target_is_left_out_unless_it_is_named() -> None:
    chosen = variables(PROXY, None, {"NO_PROXY": "localhost,127.0.0.1"})
    assert (chosen["NO_PROXY"], chosen["no_proxy"]) == ("", "")
    chosen = variables(PROXY, None, {}, ".corp.example")
    assert (chosen["NO_PROXY"], chosen["no_proxy"]) == (".corp.example", ".corp.example")
    assert "-Dhttp.nonProxyHosts=*.corp.example" in chosen["JAVA_TOOL_OPTIONS"]


def test_what_replaces_points_at_the_bundle_and_what_adds_at_ours() -> None:
    chosen = variables(PROXY, FILES, {})
    assert {chosen[name] for name in REPLACING} == {"/h/trust/bundle.pem"}
    assert {chosen[name] for name in ADDED} == {"/h/ca.pem"}
    assert "-Djavax.net.ssl.trustStore=/h/trust/truststore.p12" in chosen["JAVA_TOOL_OPTIONS"]
    assert chosen["SYSTEM_WGETRC"] == "/h/trust/wgetrc"
    assert chosen["PHP_INI_SCAN_DIR"] == ":/h/trust/pipelock-php"


def test_certificates_that_the_user_adds_stay_added() -> None:
    first = variables(PROXY, FILES, {"NODE_EXTRA_CA_CERTS": "/corp/ca.pem"})
    assert first["NODE_EXTRA_CA_CERTS"] == "/h/trust/bundle.pem"
    assert variables(PROXY, FILES, first) == first


def test_twice_is_once() -> None:
    once = variables(PROXY, FILES, {"JAVA_TOOL_OPTIONS": "-Xmx1g", "PHP_INI_SCAN_DIR": "/own:"})
    assert variables(PROXY, FILES, once) == once


def test_everything_can_be_taken_back() -> None:
    chosen = variables(PROXY, FILES, {"JAVA_TOOL_OPTIONS": "-Xmx1g", "PHP_INI_SCAN_DIR": "/own:"})
    undone = cleared(chosen)
    assert set(undone) == set(chosen) == set(names())
    assert undone.pop("JAVA_TOOL_OPTIONS") == "-Xmx1g"
    assert undone.pop("PHP_INI_SCAN_DIR") == "/own:"
    assert set(undone.values()) == {None}
    assert cleared({})["JAVA_TOOL_OPTIONS"] is None
