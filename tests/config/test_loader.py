from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipelock.config
from pipelock.config import Config, ConfigError, load, loads
from pipelock.config.nodes import MAX_BYTES


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loads(text, "pipelock.yaml")
    return str(caught.value).splitlines()


def test_no_file_is_the_defaults() -> None:
    loaded = load(None)
    assert loaded.config == Config()
    assert (loaded.path, loaded.source_hash) == (None, "defaults")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "{}"])
def test_an_empty_file_means_the_same_as_none(text: str) -> None:
    loaded = loads(text, "pipelock.yaml")
    assert loaded.config == Config()
    assert loaded.policy_hash == load(None).policy_hash
    assert loaded.source_hash != "defaults"


def test_a_file_is_read_and_named(tmp_path: Path) -> None:
    path = tmp_path / "pipelock.yaml"
    path.write_text("logging: {output: file, file: logs/audit.jsonl}\nkill_switch: {sentinel_file: STOP}\n")
    loaded = load(path)
    assert loaded.path == path
    assert loaded.config.logging.file == str(tmp_path / "logs/audit.jsonl")
    assert loaded.config.kill_switch.sentinel_file == str(tmp_path / "STOP")


def test_relative_names_start_at_the_files_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/p.yaml").write_text("kill_switch: {sentinel_file: STOP}\n")
    monkeypatch.chdir(tmp_path)
    loaded = load(Path("etc/p.yaml"))
    assert loaded.path == tmp_path / "etc/p.yaml"
    assert loaded.config.kill_switch.sentinel_file == str(tmp_path / "etc/STOP")


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o664, 0), (0o646, 1)])
def test_a_file_that_anyone_may_write(tmp_path: Path, mode: int, warned: int) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("mode: audit\n")
    path.chmod(mode)
    assert len([text for text in load(path).warnings if "chmod o-w" in text]) == warned


def test_text_has_a_base_of_its_own(tmp_path: Path) -> None:
    loaded = loads("kill_switch: {sentinel_file: STOP}", "-", base=tmp_path)
    assert loaded.config.kill_switch.sentinel_file == str(tmp_path / "STOP")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.yaml")
    assert str(caught.value) == f"{tmp_path}/none.yaml: cannot be read: No such file or directory"
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"mode: audit\nx: \xff\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == f"{path}:2:1: not UTF-8 text"


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than 4194304 bytes"):
        load(path)


def test_a_byte_order_mark_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xef\xbb\xbfmode: audit\n")
    assert load(path).config.mode == "audit"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "mode: strikt\n",
            ['pipelock.yaml:1:7: mode: must be one of strict, balanced, audit (did you mean "strict"?)'],
        ),
        (
            "fetch_proxy:\n  monitorng: {}\n",
            ['pipelock.yaml:2:3: fetch_proxy.monitorng: unknown key (did you mean "monitoring"?)'],
        ),
        ("a: 1\n---\nb: 2\n", ["pipelock.yaml:2:1: multiple YAML documents are not supported: one file, one document"]),
        (
            "internal: [10.0.0.1/8]\n",
            ['pipelock.yaml:1:12: internal[0]: bits are set beyond the prefix length (did you mean "10.0.0.0/8"?)'],
        ),
        (
            "dlp: {patterns: [{name: a, regex: '(?=x)'}]}\n",
            ["pipelock.yaml:1:35: dlp.patterns[0].regex: RE2 cannot compile this pattern: invalid perl operator: (?="],
        ),
        (
            "fetch_proxy: {timeout_seconds: 0}\n",
            ["pipelock.yaml:1:32: fetch_proxy.timeout_seconds: must be 1 to 86400"],
        ),
        (
            "egress_rules: [{name: x, action: alow}]\n",
            [
                'pipelock.yaml:1:34: egress_rules[0].action: must be one of allow, ask, warn, block (did you mean "allow"?)'
            ],
        ),
        (
            "mode: strict\napi_allowlist: []\n",
            [
                "pipelock.yaml:2:1: api_allowlist: strict mode needs at least one host here; nothing else would be reachable"
            ],
        ),
        ("logging: {output: both}\n", ["pipelock.yaml:1:1: logging.file: required with logging.output: both"]),
    ],
)
def test_what_a_user_sees(text: str, lines: list[str]) -> None:
    assert problems(text) == lines


def test_egress_rules_are_read_in_full() -> None:
    text = """
egress_rules:
  - {name: push, action: ask, host: GitHub.com, method: "post, put", path: "*/git-receive-pack", port: 443, agent: claude-*, reason: look first}
  - {name: rest, action: block, method: [delete]}
"""
    first, second = loads(text, "x").config.egress_rules
    assert (first.host, first.method, first.path, first.port, first.agent, first.reason) == (
        "github.com", ("POST", "PUT"), "*/git-receive-pack", 443, "claude-*", "look first",
    )  # fmt: skip
    assert (second.host, second.method, second.path, second.port, second.agent) == ("*", ("DELETE",), "", 0, "*")


def test_strict_blocks_by_default_and_names_its_allowlist() -> None:
    text = "mode: strict\napi_allowlist: ['*.example.com', b.example]\negress_rules: [{name: own, action: ask}]\n"
    config = loads(text, "x").config
    assert config.egress_default == "block"
    assert [(rule.name, rule.action, rule.host) for rule in config.egress_rules] == [
        ("own", "ask", "*"),
        ("api_allowlist: *.example.com", "allow", "*.example.com"),
        ("api_allowlist: b.example", "allow", "b.example"),
    ]


@pytest.mark.parametrize("default", ["allow", "ask"])
def test_strict_with_a_written_default_adds_no_rules(default: str) -> None:
    config = loads(f"mode: strict\negress_default: {default}\n", "x").config
    assert (config.egress_default, config.egress_rules) == (default, ())


def test_balanced_allows_by_default_and_adds_no_rules() -> None:
    config = loads("mode: balanced", "x").config
    assert (config.egress_default, config.egress_rules) == ("allow", ())


def test_a_default_that_says_nothing_is_not_written() -> None:
    assert loads("mode: strict\negress_default:\n", "x").config.egress_default == "block"


def test_a_refused_value_is_told_once() -> None:
    assert problems("logging: {output: file, file: 5}\n") == [
        "pipelock.yaml:1:31: logging.file: expected text, found a number; put it in quotes (did you mean \"'5'\"?)"
    ]


def test_the_command_line_wins_over_the_file() -> None:
    loaded = loads("mode: audit\n", "x", mode="strict", listen="[::1]:9000")
    assert loaded.config.mode == "strict"
    assert loaded.config.egress_default == "block"
    assert loaded.config.fetch_proxy.listen == "[::1]:9000"
    assert load(None, mode="audit").config.mode == "audit"


def test_only_the_command_line_may_ask_for_any_free_port() -> None:
    assert load(None, listen="127.0.0.1:0").config.fetch_proxy.listen == "127.0.0.1:0"
    assert problems("fetch_proxy: {listen: '127.0.0.1:0'}") == [
        "pipelock.yaml:1:23: fetch_proxy.listen: port must be 1 to 65535"
    ]


def test_a_bad_address_on_the_command_line() -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, listen="9000")
    assert str(caught.value) == 'command line: listen: write host:port (did you mean "127.0.0.1:9000"?)'


def test_notices_and_warnings() -> None:
    loaded = loads("license_key: abc\nsentry: {enabled: true, dsn: x}\ntaint: {policy: strict}\n", "x")
    assert loaded.notices == (
        "license_key: not needed and not read; every feature is there for everybody",
        "sentry: not read; there is no telemetry and no crash reporting",
    )
    assert loaded.warnings == ("taint: off unless `enabled: true` is written in it, so what it says has no effect",)


def test_a_file_full_of_mistakes_is_refused_in_good_time() -> None:
    text = "\n".join(f"key_{number}: 1" for number in range(40_000))
    started = time.process_time()
    lines = problems(text)
    assert time.process_time() - started < 10
    assert len(lines) == 101
    assert lines[-1] == "… and 39900 more"


KEYS = st.sampled_from(
    ["mode", "dlp", "patterns", "internal", "egress_rules", "name", "enabled", "agents", "dns", "<<"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_tree_is_a_config_or_a_config_error(tree: dict[str, object]) -> None:
    import yaml  # noqa: PLC0415

    try:
        loaded = loads(yaml.safe_dump(tree), "x")
    except ConfigError as error:
        assert error.problems  # noqa: PT017 - refusing is right too
        return
    assert isinstance(loaded.config, Config)


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = (
        "twisted",
        "asyncio",
        "textual",
        "OpenSSL",
        "socket",
        "ssl",
        "re2",
        "hyperscan",
        "pipelock.detect",
        "difflib",
    )
    script = (
        "import sys, pipelock.config as c; c.loads(c.preset_text('strict'), 'x');"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_without_a_file_there_is_no_yaml_parser() -> None:
    script = "import sys, pipelock.config as c; c.load(None); print('yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


def test_the_public_names() -> None:
    assert sorted(pipelock.config.__all__) == [
        "Config",
        "ConfigError",
        "DEFAULT_PRESET",
        "Loaded",
        "Problem",
        "UnknownPresetError",
        "load",
        "loads",
        "policy_hash",
        "preset_names",
        "preset_text",
        "source_hash",
    ]
    assert all(hasattr(pipelock.config, name) for name in pipelock.config.__all__)
