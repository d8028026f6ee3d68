"""The daemon under a supervisor: a socket that listens to it, and, where that can be had, a systemd of one's own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import BASE_CONFIG, PIPELOCK, DaemonProcess, copy_compiled, free_port, wait_for

pytestmark = pytest.mark.e2e


class Supervisor:
    """What a daemon said so far, as (name, value)."""

    def __init__(self, place: Path) -> None:
        self.said: list[tuple[str, str]] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(place))
        self.socket.setblocking(False)

    def heard(self, name: str, times: int = 1) -> bool:
        while True:
            try:
                lines = self.socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                break
            self.said += [(key, value) for key, _, value in (line.partition("=") for line in lines)]
        return sum(key == name for key, _ in self.said) >= times


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    one = Supervisor(tmp_path / "notify")
    yield one
    one.socket.close()


def test_it_tells_how_it_is(supervisor: Supervisor, make_daemon: Callable[..., DaemonProcess], tmp_path: Path) -> None:
    environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
    daemon = make_daemon(BASE_CONFIG, environ=environ)
    wait_for(lambda: supervisor.heard("READY") and supervisor.heard("WATCHDOG", 3), what="signs of life")
    assert f"listening on 127.0.0.1:{daemon.port}, mode balanced" in dict(supervisor.said)["STATUS"]
    daemon.config_path.write_text(BASE_CONFIG.replace("balanced", "strict"))
    daemon.signal(signal.SIGHUP)
    wait_for(lambda: supervisor.heard("RELOADING") and "mode strict" in dict(supervisor.said)["STATUS"], what="reload")
    names = [name for name, _ in supervisor.said]
    assert "READY" in names[names.index("RELOADING") :]
    daemon.config_path.write_text("mode: [")
    before = [name for name, _ in supervisor.said].count("READY")
    daemon.signal(signal.SIGHUP)
    # It is as ready as before, by the old file.
    wait_for(lambda: supervisor.heard("READY", before + 1), what="the end of a reload that failed")
    assert daemon.stop() == 0
    assert supervisor.heard("STOPPING")


CURL = "curl -s -o /dev/null -m 20 -w %{http_code}"
MANAGER = """\
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/user/0
chmod 700 /run/user/0
export XDG_RUNTIME_DIR=/run/user/0
systemd --user --log-target=null >/dev/null 2>&1 &
manager=$!
trap 'kill "$manager"; wait "$manager"' EXIT
until systemctl --user is-system-running; do sleep 0.1; done >/dev/null 2>&1
"""


def _has_its_own_systemd() -> str:
    """Why not; empty where it has."""
    if os.geteuid() != 0:
        return "mounting takes root"
    if Path("/run/systemd/system").exists():
        return "systemd runs this machine; a second one would get in its way"
    missing = [name for name in ("systemd", "systemctl", "unshare", "curl") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


@pytest.mark.soak
@pytest.mark.skipif(bool(_has_its_own_systemd()), reason=_has_its_own_systemd() or "it can be tried")
def test_a_real_systemd_starts_reloads_revives_and_forgets_it(tmp_path: Path, compiled: Path) -> None:
    """In a mount namespace of its own; the unit is the one that `pipelock service install` writes, unchanged."""
    home = tmp_path / "home"
    state = home / ".pipelock"
    state.mkdir(parents=True, mode=0o700)
    copy_compiled(compiled, state / "cache")
    config = home / "pipelock.yaml"
    config.write_text(f'fetch_proxy: {{listen: "127.0.0.1:{free_port()}"}}\nforward_proxy: {{enabled: true}}\n')
    work = home / "work"
    work.mkdir()
    script = f"""{MANAGER}
pid() {{ systemctl --user show --property=MainPID --value pipelock; }}
{PIPELOCK} service install --now --config {config} >/dev/null || exit 10
{PIPELOCK} service status >/dev/null || exit 11
{PIPELOCK} status | grep -q "^daemon" || exit 12
first=$(pid)
grep -q "^Seccomp:.2" /proc/$first/status || exit 13
[ "$(readlink /proc/$first/ns/user)" = "$(readlink /proc/self/ns/user)" ] || exit 14
{PIPELOCK} diagnose --config {config} >/dev/null || exit 15
[ "$({PIPELOCK} sandbox --quiet --workspace {work} -- {CURL} http://nobody.pastebin.com/)" = 403 ] || exit 21
printf 'mode: strict\\n' >> {config}
systemctl --user reload pipelock || exit 16
tries=0
until systemctl --user show --property=StatusText --value pipelock | grep -q "mode strict"; do
    tries=$((tries + 1)); [ $tries -lt 100 ] || exit 17; sleep 0.1
done
kill -KILL "$first"
tries=0
until {PIPELOCK} service status >/dev/null && [ "$(pid)" != "$first" ]; do
    tries=$((tries + 1)); [ $tries -lt 200 ] || exit 18; sleep 0.1
done
{PIPELOCK} uninstall >/dev/null || exit 19
{PIPELOCK} service status >/dev/null && exit 20
exit 0
"""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIPELOCK", "XDG"))}
    environ["HOME"] = str(home)
    command = ["unshare", "--mount", "--propagation", "private", "--fork", "sh", "-c", script]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=110, check=False)
    assert ended.returncode == 0, ended.stderr
    assert not (home / ".config/systemd/user/pipelock.service").exists()
