"""sslyze on the TLS that clients of an intercepted tunnel meet."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from certificates import make_certificates
from places import install_sslyze, install_websockets
from servers import free_port, pipelock, started
from tls_report import read_scan, weaknesses

__all__ = ["run_tls"]

_PEER = Path(__file__).with_name("websocket_peer.py")
_TUNNELLED = Path(__file__).with_name("tunnelled_port.py")
_RUN_SECONDS = 600
_SCANS = (
    *("--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--compression", "--fallback", "--robot"),
    *("--reneg", "--heartbleed", "--openssl_ccs", "--elliptic_curves", "--ems", "--mozilla_config", "disable"),
)


def run_tls(folder: Path) -> list[str]:
    """What is weak; sslyze's connections come through CONNECT, as those of clients do.

    Raises:
        RuntimeError, subprocess.SubprocessError, OSError, ValueError: the scan did not run, so nothing is known.
    """
    sslyze, python = install_sslyze(), install_websockets()
    place = folder / "tls"
    place.mkdir(parents=True)
    certificates = make_certificates(place)
    port = free_port()
    upstream = [str(python), str(_PEER), "serve", str(port), str(certificates.chain), str(certificates.key)]
    settings: dict[str, dict[str, object]] = {
        "tls_interception": {"enabled": True, "upstream_ca": [str(certificates.authority)]}
    }
    report = place / "sslyze.json"
    with contextlib.ExitStack() as stack:
        stack.enter_context(started("upstream", upstream, port, place))
        daemon = stack.enter_context(pipelock(place, settings, twice=False, compiled=folder / "compiled"))
        entrance = free_port()
        tunnelled = [sys.executable, str(_TUNNELLED), str(entrance), str(daemon.address[1]), f"localhost:{port}"]
        stack.enter_context(started("tunnelled", tunnelled, entrance, place))
        command = [str(sslyze), *_SCANS, "--quiet", "--json_out", str(report)]
        command += ["--sni", "localhost", f"127.0.0.1:{entrance}"]
        with (place / "sslyze.out").open("wb") as out:
            subprocess.run(command, cwd=place, stdout=out, stderr=out, timeout=_RUN_SECONDS, check=False)
    return weaknesses(read_scan(report))
