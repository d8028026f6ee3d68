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
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from certificates import make_certificates
from places import install_autobahn, install_websockets
from servers import free_port, pipelock, started
from websocket_report import Report, read_index

__all__ = ["LONG", "MODES", "SAMPLE", "run_websocket"]

LONG = ("9.*", "12.*", "13.*")
"""Groups that take most of the time: large messages, and thousands of compressed ones."""
SAMPLE = (
    *(f"9.{group}.1" for group in range(1, 9)),
    *(f"12.{group}.{case}" for group in range(1, 6) for case in (1, 10, 18)),
    *(f"13.{group}.{case}" for group in range(1, 8) for case in (1, 10)),
)
"""What a quick run does of them."""
MODES = ("fetch", "reverse", "client")
_PEER = Path(__file__).with_name("websocket_peer.py")
_RUN_SECONDS = 4 * 3600
_MESSAGE_BYTES = 17 * 2**20
"""The suite's largest message is 16 MiB."""


def run_websocket(folder: Path, modes: tuple[str, ...], cases: list[str], left_out: list[str]) -> dict[str, Report]:
    """Run `cases` without `left_out` in each mode. "direct" and "direct-client" are runs without the proxy.

    Raises:
        RuntimeError, subprocess.SubprocessError, OSError, ValueError: a part did not run, so nothing is known.
    """
    wstest, python = install_autobahn(), install_websockets()
    reports = {}
    for mode in modes:
        place = folder / f"websocket-{mode}"
        place.mkdir(parents=True)
        began = time.monotonic()
        is_client = mode in {"client", "direct-client"}
        run = _as_server if is_client else _as_client
        reports[mode] = run(place, mode, wstest, python, {"cases": cases, "exclude-cases": left_out})
        print(f"websocket {mode}: {reports[mode].total} cases in {time.monotonic() - began:.0f} s", flush=True)
    return reports


def _as_client(place: Path, mode: str, wstest: Path, python: Path, spec: dict[str, object]) -> Report:
    """The fuzzer is the client, an echo server is the upstream."""
    port = free_port()
    with (
        started("echo", [str(python), str(_PEER), "serve", str(port)], port, place),
        _entrance(place, mode, port) as url,
    ):
        spec |= {"options": {"failByDrop": False}, "outdir": str(place / "report")}
        spec |= {"servers": [{"agent": mode, "url": url}], "exclude-agent-cases": {}}
        (place / "spec.json").write_text(json.dumps(spec))
        with (place / "wstest.out").open("wb") as out:
            command = [str(wstest), "-m", "fuzzingclient", "-s", str(place / "spec.json")]
            subprocess.run(command, cwd=place, stdout=out, stderr=out, timeout=_RUN_SECONDS, check=True)
    return read_index(place / "report" / "index.json", mode)


@contextlib.contextmanager
def _entrance(place: Path, mode: str, port: int) -> Iterator[str]:
    """What the fuzzer connects to in order to reach the echo server on `port`."""
    if mode == "direct":
        yield f"ws://127.0.0.1:{port}/"
        return
    settings = _settings()
    listen = free_port()
    if mode == "reverse":
        settings["reverse_proxy"] = {
            "enabled": True,
            "listen": f"127.0.0.1:{listen}",
            "upstream": f"http://127.0.0.1:{port}",
        }
    with pipelock(place, settings, twice=False) as daemon:
        if mode == "reverse":
            yield f"ws://127.0.0.1:{listen}/"
        else:
            target = quote(f"ws://127.0.0.1:{port}/", safe="")
            yield f"ws://127.0.0.1:{daemon.address[1]}/ws?url={target}"


def _as_server(place: Path, mode: str, wstest: Path, python: Path, spec: dict[str, object]) -> Report:
    """The fuzzer is the upstream, over TLS; the client comes through the proxy."""
    certificates = make_certificates(place)
    port = free_port()
    url = f"wss://127.0.0.1:{port}"
    spec |= {"options": {"failByDrop": False}, "outdir": str(place / "report"), "url": url}
    spec |= {"key": str(certificates.key), "cert": str(certificates.chain), "exclude-agent-cases": {}}
    (place / "spec.json").write_text(json.dumps(spec))
    fuzzer = [str(wstest), "-m", "fuzzingserver", "-u", "0", "-s", str(place / "spec.json")]
    with contextlib.ExitStack() as stack:
        stack.enter_context(started("wstest", fuzzer, port, place))
        authority, proxy = certificates.authority, ""
        if mode == "client":
            settings = _settings()
            authority = place / "home" / "ca.pem"
            settings["tls_interception"] = {"enabled": True, "upstream_ca": [str(certificates.authority)]}
            daemon = stack.enter_context(pipelock(place, settings, twice=False))
            proxy = f"http://127.0.0.1:{daemon.address[1]}"
        command = [str(python), str(_PEER), "fuzzed", url, mode, proxy, str(authority)]
        with (place / "client.out").open("wb") as out:
            # Its status only says whether each connection could be made; some cases are about not making one.
            subprocess.run(command, cwd=place, stdout=out, stderr=out, timeout=_RUN_SECONDS, check=False)
    return read_index(place / "report" / "index.json", mode)


def _settings() -> dict[str, dict[str, object]]:
    """Scanning stays on; the limits are those the suite's messages need."""
    return {
        "websocket_proxy": {
            "enabled": True,
            "max_message_bytes": _MESSAGE_BYTES,
            "allow_binary_frames": True,
        },
    }
