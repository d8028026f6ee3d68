"""Where the daemon and its clients meet."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelock.control.paths import SocketPathError, home_dir, max_socket_path, runtime_dir, socket_path

USER = {"HOME": "/home/ada"}


@pytest.mark.parametrize(
    ("environ", "home", "home_expected", "socket_expected"),
    [
        pytest.param(USER, None, "/home/ada/.pipelock", "/home/ada/.pipelock/run/control.sock", id="nothing set"),
        pytest.param(
            {**USER, "XDG_RUNTIME_DIR": "/run/user/7"},
            None,
            "/home/ada/.pipelock",
            "/run/user/7/pipelock/control.sock",
            id="XDG",
        ),
        pytest.param(
            {**USER, "XDG_RUNTIME_DIR": "run"},
            None,
            "/home/ada/.pipelock",
            "/home/ada/.pipelock/run/control.sock",
            id="a relative XDG is ignored",
        ),
        pytest.param(
            {**USER, "XDG_RUNTIME_DIR": ""},
            None,
            "/home/ada/.pipelock",
            "/home/ada/.pipelock/run/control.sock",
            id="an empty XDG is ignored",
        ),
        pytest.param(
            {**USER, "XDG_RUNTIME_DIR": "/run/user/7", "PIPELOCK_HOME": "/srv/p"},
            None,
            "/srv/p",
            "/srv/p/run/control.sock",
            id="PIPELOCK_HOME before XDG",
        ),
        pytest.param(
            {**USER, "PIPELOCK_HOME": "/srv/p"}, "/opt/q", "/opt/q", "/opt/q/run/control.sock", id="--home before all"
        ),
        pytest.param(
            {**USER, "PIPELOCK_HOME": ""},
            None,
            "/home/ada/.pipelock",
            "/home/ada/.pipelock/run/control.sock",
            id="empty",
        ),
        pytest.param(USER, "~/p", "/home/ada/p", "/home/ada/p/run/control.sock", id="a tilde"),
        pytest.param(USER, "~", "/home/ada", "/home/ada/run/control.sock", id="a tilde alone"),
        pytest.param(USER, Path("/opt/q"), "/opt/q", "/opt/q/run/control.sock", id="a path"),
    ],
)
def test_precedence(environ: dict[str, str], home: str | Path | None, home_expected: str, socket_expected: str) -> None:
    assert home_dir(environ, home) == Path(home_expected)
    assert socket_path(environ, home) == Path(socket_expected)
    assert runtime_dir(environ, home) == Path(socket_expected).parent


def test_a_relative_home_is_made_absolute() -> None:
    assert home_dir(USER, "here") == Path.cwd() / "here"


def test_no_home_in_the_environment_falls_back_to_the_account() -> None:
    assert home_dir({}).name == ".pipelock"
    assert home_dir({}).is_absolute()


def test_the_longest_path_and_one_byte_more() -> None:
    limit = max_socket_path()
    room = limit - len("/run/control.sock")
    assert len(str(socket_path({}, "/" + "h" * (room - 1)))) == limit
    with pytest.raises(SocketPathError, match=f"{limit + 1} bytes long and this system allows {limit}.*--home"):
        socket_path({}, "/" + "h" * room)
    # bytes are counted, not characters
    with pytest.raises(SocketPathError):
        socket_path({}, "/" + "é" * (room - 1))


def test_limits_of_the_systems() -> None:
    assert (max_socket_path("linux"), max_socket_path("darwin"), max_socket_path("freebsd14")) == (107, 103, 103)
