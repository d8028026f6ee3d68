"""What of the environment an agent gets: unasked, asked for by name, by pattern, and never."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.contain.defaults import preset
from pipelock.contain.environment import Surroundings, VariableError, Wanted, environment, is_refused, looks_secret
from pipelock.contain.profile import Source
from tests.contain.fake_host import HOME, fake_host

SHOWN = {"/usr/bin", "/bin/zsh", "/run/docker.sock", f"{HOME}/.local/bin"}
AROUND = Surroundings(folder="/w", is_shown=lambda path: path in SHOWN)
SECRET_NAMES = [
    "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "DB_PASSWORD", "PASSWD", "NPM_TOKEN", "MY_APIKEY", "ACCESSTOKEN",
    "SENTRY_DSN", "SLACK_WEBHOOK", "DATABASE_URL", "SESSION_COOKIE", "DEPLOY_KEY",
]  # fmt: skip
HARMLESS = [
    "LANG",
    "KEYBOARD",
    "MONKEY",
    "TOKENIZERS_PARALLELISM",
    "PATHS",
    "AUTHOR",
    "EDITOR",
    "PASSENGERS",
    "COLUMNS",
]


def inside(
    environ: Mapping[str, str], *asked: str, config: tuple[str, ...] = (), around: Surroundings = AROUND
) -> tuple[dict[str, str], tuple[str, ...]]:
    wanted = [*(Wanted(text, Source.COMMAND) for text in asked), *(Wanted(text, Source.CONFIG) for text in config)]
    found = environment(wanted, fake_host({}, environ), around)
    assert list(found.variables) == sorted(found.variables)
    return dict(found.variables), found.notes


def test_what_is_there_unasked() -> None:
    given_, notes = inside({
        "LANG": "C", "LC_TIME": "de", "TERM": "xterm", "COLORTERM": "truecolor", "TMUX": "/tmp/t,1,0", "SHELL": "/bin/zsh",
        "PATH": "/usr/bin:/usr/bin::./bin:/gone:bin", "HOME": "/elsewhere", "OLDPWD": "/x", "FOO": "1", "MAIL": "/var/mail/u",
        "GITHUB_TOKEN": "ghp_x", "LD_PRELOAD": "/x.so", "NODE_OPTIONS": "-r /x", "PYTHONPATH": "/x", "GIT_DIR": "/x", "BASH_ENV": "/x",
        "SSH_AUTH_SOCK": "/run/agent.sock", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1000/bus", "DISPLAY": ":0",
        "DOCKER_HOST": "unix:///run/docker.sock", "XDG_RUNTIME_DIR": "/run/user/1000", "PIPELOCK_HOME": "/p", "NOTIFY_SOCKET": "/n",
        "LESS": "sk-live-in-a-harmless-name",
    })  # fmt: skip
    assert given_ == {
        "LANG": "C", "LC_TIME": "de", "TERM": "xterm", "COLORTERM": "truecolor", "SHELL": "/bin/zsh",
        "PATH": "/usr/bin", "HOME": HOME, "PWD": "/w", "TMPDIR": "/tmp", "USER": "u", "DOCKER_HOST": "unix:///run/docker.sock",
        "UV_LINK_MODE": "copy",
    }  # fmt: skip
    assert notes == ()


def test_ssh_goes_by_our_program_and_a_shell_that_is_not_there_is_not_named() -> None:
    host = fake_host({}, {"SHELL": "/gone/fish"}, ssh_command=("/opt/my py/python", "-m", "pipelock", "ssh"))
    found = dict(environment((), host, AROUND).variables)
    assert found["GIT_SSH_COMMAND"] == "'/opt/my py/python' -m pipelock ssh"
    assert found["GIT_SSH_VARIANT"] == "ssh"
    assert found["SHELL"] == "/bin/sh"


def test_programs_are_told_what_does_not_work_behind_walls_unless_somebody_knows_better() -> None:
    for uid, is_told in ((0, True), (1000, False)):
        found = dict(environment((), fake_host({}, uid=uid), AROUND).variables)
        assert found["UV_LINK_MODE"] == "copy"
        assert (found.get("TAR_OPTIONS") == "--no-same-owner") is is_told
    found, _ = inside({"UV_LINK_MODE": "symlink"}, "UV_LINK_MODE", "TAR_OPTIONS=-v")
    assert (found["UV_LINK_MODE"], found["TAR_OPTIONS"]) == ("symlink", "-v")


def test_tmux_is_that_of_the_host_only_where_its_socket_is_granted() -> None:
    for socket, is_named in (("/run/docker.sock", True), ("/tmp/tmux-0/default", False)):
        found, _ = inside({"TMUX": f"{socket},1,0"})
        assert ("TMUX" in found) is is_named


def test_what_is_asked_for_by_name_is_given_and_told() -> None:
    environ = {"GITHUB_TOKEN": "t", "PLAIN": "p", "NODE_OPTIONS": "--inspect", "A": "config's"}
    found, notes = inside(
        environ,
        "GITHUB_TOKEN",
        "PLAIN",
        "NODE_OPTIONS",
        "GONE",
        "X=sk-abc",
        "HOME=/h",
        "A=mine",
        "E=",
        config=("A", "DSN=y"),
    )
    asked = {
        "GITHUB_TOKEN": "t",
        "PLAIN": "p",
        "NODE_OPTIONS": "--inspect",
        "X": "sk-abc",
        "HOME": "/h",
        "A": "mine",
        "E": "",
        "DSN": "y",
    }
    assert {name: found[name] for name in asked} == asked
    assert "GONE" not in found
    assert set(notes) == {
        "GITHUB_TOKEN holds a secret, and the agent can read it (command line)",
        "DSN holds a secret, and the agent can read it (config)",
        "X holds a secret, and the agent can read it (command line)",
        "NODE_OPTIONS makes programs run other code than their own (command line)",
        "GONE is to be passed on and is not set",
    }


def test_patterns_never_bring_what_looks_like_a_secret_or_runs_other_code() -> None:
    environ = {
        "APP_MODE": "1", "APP_TOKEN": "x", "APP_URL": "https://u:p@h/", "APP_OPTIONS": "x", "APPX": "2", "NODE_OPTIONS": "x",
        "NODE_NAME": "n", "LD_X": "x", "LDX": "l",
    }  # fmt: skip
    found, notes = inside(environ, "APP_*", "NODE_*", "LD*")
    assert {"APP_MODE", "NODE_NAME", "LDX"} <= set(found)
    assert not {"APP_TOKEN", "APP_URL", "APP_OPTIONS", "APPX", "NODE_OPTIONS", "LD_X"} & set(found)
    assert notes == ()


@pytest.mark.parametrize(
    "text", ["LD_PRELOAD", "LD_PRELOAD=x", "DYLD_INSERT_LIBRARIES=x", "BASH_ENV=x", "ENV=x", "PIPELOCK_X=1", "BASH_FUNC_a%%=x", "", "=x", "*", "A*=x", "A=\0"]
)  # fmt: skip
def test_what_is_never_set(text: str) -> None:
    with pytest.raises(VariableError, match="--env"):
        inside({"LD_PRELOAD": "x"}, text)


def test_what_we_set_ourselves_holds_unless_asked_otherwise() -> None:
    seen: dict[str, str] = {}

    def proxied(inherited: Mapping[str, str]) -> Mapping[str, str]:
        seen.update(inherited)
        return {"HTTPS_PROXY": "http://127.0.0.1:8888", "LANG": "ours", "LD_PRELOAD": "/x", "NO_PROXY": ""}

    around = Surroundings(folder="/w", is_shown=lambda _: False, set=proxied)
    found, _ = inside({"LANG": "C", "NO_PROXY": "*"}, "NO_PROXY=localhost", "JAVA_TOOL_OPTIONS=-Xmx1g", around=around)
    assert (found["HTTPS_PROXY"], found["LANG"], found["NO_PROXY"]) == ("http://127.0.0.1:8888", "ours", "localhost")
    assert "LD_PRELOAD" not in found
    assert seen["JAVA_TOOL_OPTIONS"] == "-Xmx1g", "so that options are added to, not lost"


def test_a_preset_passes_its_keys() -> None:
    around = Surroundings(folder="/w", is_shown=lambda _: False, preset=preset("codex"))
    found, notes = inside(
        {"OPENAI_API_KEY": "sk-x", "OPENAI_ORG": "o", "ANTHROPIC_API_KEY": "sk-y", "CODEX_HOME": "/c"}, around=around
    )
    assert {name: found.get(name) for name in ("OPENAI_API_KEY", "OPENAI_ORG", "ANTHROPIC_API_KEY", "CODEX_HOME")} == {
        "OPENAI_API_KEY": "sk-x", "OPENAI_ORG": "o", "ANTHROPIC_API_KEY": None, "CODEX_HOME": "/c",
    }  # fmt: skip
    assert notes == ()


def test_secrets_are_told_by_their_names_and_their_values() -> None:
    assert [name for name in SECRET_NAMES if not looks_secret(name, "x")] == []
    assert [name for name in HARMLESS if looks_secret(name, "x")] == []
    values = ["ghp_abc", "sk-abc", "AKIAABC", "-----BEGIN KEY", "eyJhbGciOi.x", "postgres://u:p@h/d", "redis://:p@h"]
    assert [value for value in values if not looks_secret("X", value)] == []
    assert [value for value in ("https://h/a@b:c", "ssh://git@h/", "plain", "") if looks_secret("X", value)] == []


def test_a_variable_has_one_value() -> None:
    with pytest.raises(VariableError, match="twice with different values"):
        inside({}, "A=1", "A=2")
    assert inside({}, "A=1", "A=1", config=("A=2",))[0]["A"] == "1"


@given(
    st.dictionaries(
        st.text(st.sampled_from("ABDEHLNPYTO_*"), min_size=1, max_size=12), st.text(max_size=4), max_size=6
    ),
    st.lists(st.text(st.sampled_from("ABDEHLNPYTO_*="), max_size=12), max_size=3),
)
def test_whatever_is_there_and_asked_for_nothing_refused_gets_in(environ: dict[str, str], asked: list[str]) -> None:
    try:
        found, _ = inside(environ, *asked)
    except VariableError:
        return
    assert [name for name in found if is_refused(name)] == []
    assert not any("\0" in value for value in found.values())
