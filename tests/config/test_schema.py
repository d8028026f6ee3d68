from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

import msgspec
import pytest
import yaml

from pipelock.config import Config, ConfigError, loads
from pipelock.config.plans import FieldPlan, field_plans, section_of, unwrap


def walk(struct: type[msgspec.Struct] = Config, prefix: str = "") -> Iterator[tuple[str, FieldPlan]]:
    """Every key of every section that is not an entry of a list or table."""
    for plan in field_plans(struct).values():
        section = section_of(plan.kind)
        key = prefix + plan.name
        if section is None:
            yield key, plan
        else:
            yield from walk(section, key + ".")


def entries() -> Iterator[type[msgspec.Struct]]:
    """Sections that occur as entries."""
    for _, plan in walk():
        if get_origin(plan.kind.type) in (tuple, dict):
            for argument in get_args(plan.kind.type):
                section = section_of(unwrap(argument)) if argument is not ... else None
                if section is not None:
                    yield section


KEYS = dict(walk())
UNSUPPORTED = sorted(key for key, plan in KEYS.items() if plan.kind.note("unsupported"))


def nested(key: str, value: object) -> str:
    tree: object = value
    for name in reversed(key.split(".")):
        tree = {name: tree}
    return yaml.safe_dump(tree)


def switched_on(plan: FieldPlan) -> object:
    if plan.kind.type is bool:
        return True
    if plan.kind.type is str:
        return "127.0.0.1:9999" if plan.kind.note("rule") == "listen" else "something"
    if get_origin(plan.kind.type) is dict:
        return {"claude": {"mode": "strict"}}
    if plan.name == "trusted_keys":
        return [{"name": "n", "public_key": "k"}]
    return ["a.example.com"]


def surroundings(key: str) -> dict[str, object]:
    """Switches above the key that put it in force."""
    tree: dict[str, object] = {}
    parts = key.split(".")
    for depth in range(1, len(parts)):
        switch = ".".join(parts[:depth]) + ".enabled"
        if switch in KEYS and switch != key:
            tree[switch] = True
    return tree


@pytest.mark.parametrize("key", UNSUPPORTED)
def test_what_does_not_exist_yet_is_refused_by_name_when_switched_on(key: str) -> None:
    plan = KEYS[key]
    tree: dict[str, object] = {}
    for path, value in {**surroundings(key), key: switched_on(plan)}.items():
        node = tree
        *sections, name = path.split(".")
        for section in sections:
            node = node.setdefault(section, {})  # type: ignore[assignment]
        node[name] = value
    with pytest.raises(ConfigError) as caught:
        loads(yaml.safe_dump(tree), "f.yaml")
    mine = [problem for problem in caught.value.problems if problem.key == key]
    assert len(mine) == 1
    assert mine[0].message.startswith("not supported yet by this version (0.1.0); remove it or ")


@pytest.mark.parametrize("key", UNSUPPORTED)
def test_switched_off_it_loads(key: str) -> None:
    kind = KEYS[key].kind.type
    off: object = False if kind is bool else "" if kind is str else {} if get_origin(kind) is dict else []
    assert loads(nested(key, off), "f.yaml").config == Config()


def test_there_are_as_many_unsupported_switches_as_we_think() -> None:
    sections = {key.removesuffix(".enabled") for key in UNSUPPORTED if key.endswith(".enabled")}
    assert sections == {
        "behavioral_baseline",
        "browser_shield", "conductor",
        "file_sentry",
        "flight_recorder", "git_protection", "health_watchdog", "learn", "learn_lock", "mcp_binary_integrity",
        "mcp_input_scanning", "mcp_session_binding", "mcp_tool_policy", "mcp_tool_provenance", "mcp_tool_scanning",
        "mediation_envelope", "mediation_envelope.verify_inbound", "request_policy",
        "tool_chain_detection",
    }  # fmt: skip
    assert {key for key in UNSUPPORTED if not key.endswith(".enabled")} == {
        "dlp.action", "emit.otlp.endpoint", "emit.syslog.address", "emit.webhook.url",
        "flight_recorder.signing_key_path",
        "mediation_envelope.sign", "rules.disabled", "rules.include_experimental",
        "rules.rules_dir", "rules.trusted_keys",
    }  # fmt: skip


def as_written(struct: msgspec.Struct) -> dict[str, object]:
    """A section as a file would say it: durations with a unit, file modes in octal."""
    tree: dict[str, object] = {}
    for plan in field_plans(type(struct)).values():
        value = getattr(struct, plan.attribute)
        if isinstance(value, msgspec.Struct):
            tree[plan.name] = as_written(value)
        elif plan.kind.note("rule") == "duration":
            tree[plan.name] = f"{value}s"
        elif plan.kind.note("octal"):
            tree[plan.name] = f"0{value:o}"
        else:
            tree[plan.name] = msgspec.to_builtins(value)
    return tree


def test_every_default_passes_its_own_rules() -> None:
    assert loads(yaml.safe_dump(as_written(Config())), "f.yaml").config == Config()


def test_every_section_says_what_it_is() -> None:
    sections = {Config, *entries()}
    for _, plan in walk():
        assert plan.name == plan.name.lower()
    assert all((section.__doc__ or "").strip().endswith((".", ")")) for section in sections)


def test_defaults_are_frozen_and_never_shared() -> None:
    config = Config()
    with pytest.raises(AttributeError):
        config.mode = "audit"  # type: ignore[misc]
    assert config.agents is not Config().agents


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mode", "balanced"),
        ("enforce", True),
        ("fetch_proxy.listen", "127.0.0.1:8888"),
        ("fetch_proxy.monitoring.max_url_length", 2048),
        ("fetch_proxy.monitoring.max_requests_per_minute", 60),
        ("forward_proxy.enabled", False),
        ("forward_proxy.sni_verification", True),
        ("request_body_scanning.header_mode", "all"),
        ("response_scanning.action", "warn"),
        ("approvals.unattended", "deny"),
        ("egress_default", "allow"),
        ("logging.max_file_mb", 64),
        ("taint.enabled", False),
    ],
)
def test_defaults_that_others_rely_on(key: str, value: object) -> None:
    found: object = Config()
    for name in key.split("."):
        found = getattr(found, name)
    assert found == value


PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
UNDOCUMENTED = {"license_key", "license_file", "license_public_key", "license_crl_file"}


def unsupported_section(key: str) -> bool:
    """Whether the key belongs to a section of which nothing works yet."""
    section = key.partition(".")[0]
    parts = [other for other in KEYS if other.partition(".")[0] == section]
    return (
        f"{section}.enabled" in UNSUPPORTED
        or section in {"sentry", "emit", "rules", "mcp_ws_listener"}
        or parts == UNSUPPORTED
    )


@pytest.mark.parametrize("key", [key for key in KEYS if key not in UNSUPPORTED and not unsupported_section(key)])
def test_each_supported_key_has_a_row_in_the_manual(key: str) -> None:
    table = PAGE.read_text("utf-8").partition("## Every key")[2]
    rows = [line for line in table.splitlines() if line.startswith(f"| `{key}`")]
    assert len(rows) == (0 if key in UNDOCUMENTED else 1)


@pytest.mark.parametrize("key", sorted({key.removesuffix(".enabled") for key in UNSUPPORTED}))
def test_each_unsupported_key_is_named_in_the_manual(key: str) -> None:
    missing = PAGE.read_text("utf-8").partition("## Not supported yet")[2]
    named = [key, *(key.rpartition(".")[0] for _ in range(1) if "." in key)]
    assert any(f"`{name}`" in missing for name in named)


def test_the_manual_names_no_key_that_does_not_exist() -> None:
    rows = [line.split("`")[1] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    dotted = [row for row in rows if "." in row and " " not in row]
    assert dotted
    assert [row for row in dotted if row not in KEYS] == []


def test_examples_of_the_manual_load() -> None:
    blocks = PAGE.read_text("utf-8").split("```yaml\n")[1:]
    assert len(blocks) == 11
    for block in blocks:
        assert loads(block.partition("```")[0], "configuration.md").notices == ()
