"""The Autobahn suite, with this proxy between the fuzzer and an ordinary peer.

Server modes: the fuzzer is a client of the proxy, an echo server stands behind it. It reaches it by `/ws?url=`
("fetch") or by the reverse proxy, as it can't speak to proxies itself.
Client mode: the fuzzer is a server behind the proxy, over TLS; the client comes through an intercepted tunnel.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from certificates import make_certificates
from places import install_autobahn, install_websockets
from servers import Server, free_port, pipelock, started
from websocket_report import Report, read_index

__all__ = ["MODES", "Selection", "run_websocket", "selections"]

_LONG = ("9.*", "12.*", "13.*")
"""Groups that take most of the time: large messages, and thousands of compressed ones."""
_SAMPLE = (
    *(f"9.{group}.1" for group in range(1, 9)),
    *(f"12.{group}.{case}" for group in range(1, 6) for case in (1, 4)),
    *(f"13.{group}.{case}" for group in range(1, 8) for case in (1, 4)),
)
"""What stands for them where messages are scanned."""
MODES = ("fetch", "reverse", "client")
_PEER = Path(__file__).with_name("websocket_peer.py")
_RUN_SECONDS = 4 * 3600
_MESSAGE_BYTES = 17 * 2**20
"""The suite's largest message is 16 MiB."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is run, and how.

    Attributes:
        name: Of its results.
        cases: Globs of the suite's case numbers.
        left_out: Likewise; these not.
        is_scanned: Are messages scanned? Without, they are still parsed, limited, recorded and written anew.
    """

    name: str
    cases: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    is_scanned: bool = True


def selections(cases: tuple[str, ...], *, quick: bool) -> tuple[Selection, ...]:
    """How `cases` are run: all of them scanned but for the long groups, of those a sample, and all without scanning.

    Scanning the gigabytes of the long groups takes hours and tests no more of the protocol.
    """
    if cases != ("*",):
        return (Selection("chosen", cases),)
    scanned = (Selection("short", cases, _LONG), Selection("sample", _SAMPLE))
    return scanned if quick else (*scanned, Selection("long", _LONG, is_scanned=False))


@dataclass(frozen=True, slots=True)
class _Run:
    """One mode's run: its folder, the suite, and an interpreter for the peer."""

    place: Path
    mode: str
    selection: Selection
    wstest: Path
    python: Path

    def write(self, **spec: object) -> str:
        """The suite's instructions; the path of the file."""
        spec |= {"cases": self.selection.cases, "exclude-cases": self.selection.left_out, "exclude-agent-cases": {}}
        spec |= {"options": {"failByDrop": False}, "outdir": str(self.place / "report")}
        path = self.place / "spec.json"
        path.write_text(json.dumps(spec))
        return str(path)

    def settings(self, **more: dict[str, object]) -> dict[str, dict[str, object]]:
        """The proxy's configuration: the limits are those that the suite's messages need.

        Findings are told and don't stop anything: among the suite's texts is a whole drama, in which two lines are
        taken for instructions. That is a false alarm, and no question of the protocol.
        """
        section: dict[str, object] = {"enabled": True, "max_message_bytes": _MESSAGE_BYTES, "allow_binary_frames": True}
        section["scan_text_frames"] = self.selection.is_scanned
        return {"websocket_proxy": section, "response_scanning": {"enabled": True, "action": "warn"}} | more


def run_websocket(folder: Path, modes: tuple[str, ...], selection: Selection) -> dict[str, Report]:
    """Run a selection in each mode. "direct" and "direct-client" are runs without the proxy.

    Raises:
        RuntimeError, subprocess.SubprocessError, OSError, ValueError: a part did not run, so nothing is known.
    """
    wstest, python = install_autobahn(), install_websockets()
    reports = {}
    for mode in modes:
        place = folder / f"websocket-{selection.name}-{mode}"
        place.mkdir(parents=True)
        began = time.monotonic()
        run = _Run(place, mode, selection, wstest, python)
        (_as_server if mode in {"client", "direct-client"} else _as_client)(run)
        reports[mode] = read_index(place / "report" / "index.json", mode)
        spent = time.monotonic() - began
        print(f"websocket {selection.name}, {mode}: {reports[mode].total} cases in {spent:.0f} s", flush=True)
    return reports


def _as_client(run: _Run) -> None:
    """The fuzzer is the client, an echo server is the upstream."""
    port = free_port()
    echo = [str(run.python), str(_PEER), "serve", str(port)]
    with started("echo", echo, port, run.place), _entrance(run, port) as url:
        path = run.write(servers=[{"agent": run.mode, "url": url}])
        with (run.place / "wstest.out").open("wb") as out:
            command = [str(run.wstest), "-m", "fuzzingclient", "-s", path]
            subprocess.run(command, cwd=run.place, stdout=out, stderr=out, timeout=_RUN_SECONDS, check=True)


@contextlib.contextmanager
def _entrance(run: _Run, port: int) -> Iterator[str]:
    """What the fuzzer connects to in order to reach the echo server on `port`."""
    listen = free_port()
    upstream = f"127.0.0.1:{port}"
    match run.mode:
        case "direct":
            yield f"ws://{upstream}/"
        case "reverse":
            section = {"enabled": True, "listen": f"127.0.0.1:{listen}", "upstream": f"http://{upstream}"}
            with _daemon(run, run.settings(reverse_proxy=section)):
                yield f"ws://127.0.0.1:{listen}/"
        case _:
            with _daemon(run, run.settings()) as daemon:
                yield f"ws://127.0.0.1:{daemon.address[1]}/ws?url={quote(f'ws://{upstream}/', safe='')}"


def _as_server(run: _Run) -> None:
    """The fuzzer is the upstream, over TLS; the client comes through the proxy."""
    certificates = make_certificates(run.place)
    port = free_port()
    url = f"wss://127.0.0.1:{port}"
    path = run.write(url=url, key=str(certificates.key), cert=str(certificates.chain))
    with contextlib.ExitStack() as stack:
        fuzzer = [str(run.wstest), "-m", "fuzzingserver", "-u", "0", "-s", path]
        stack.enter_context(started("wstest", fuzzer, port, run.place))
        authority, proxy = certificates.authority, ""
        if run.mode == "client":
            section = {"enabled": True, "upstream_ca": [str(certificates.authority)]}
            daemon = stack.enter_context(_daemon(run, run.settings(tls_interception=section)))
            authority, proxy = run.place / "home" / "ca.pem", f"http://127.0.0.1:{daemon.address[1]}"
        command = [str(run.python), str(_PEER), "fuzzed", url, run.mode, proxy, str(authority)]
        with (run.place / "client.out").open("wb") as out:
            # Its status only says whether each connection could be made; some cases are about not making one.
            subprocess.run(command, cwd=run.place, stdout=out, stderr=out, timeout=_RUN_SECONDS, check=False)


def _daemon(run: _Run, settings: dict[str, dict[str, object]]) -> contextlib.AbstractContextManager[Server]:
    return pipelock(run.place, settings, twice=False, compiled=run.place.parent / "compiled")
