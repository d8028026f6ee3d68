"""`make bench`, the dashboard: on a real terminal, beside mitmproxy's console where that can be asked the same.

    python bench/dashboard.py [--quick] [--no-peer] [--write]

What is measured (bench/stage.py plays the daemon, with the real control server):

- first paint: from starting `pipelock tui` to the first decision on the screen, with 10 000 of them stored;
- key to paint: from a key to the moved cursor, at 10 000 rows while 200 decisions a second stream in;
- event to visible: from publishing to the host's name on the screen;
- pending to visible, and from the key that answers to the answer in the daemon;
- decision to release: from that key to the client's answer through the real daemon;
- memory after 100 000 events.

Peer: `mitmproxy` with 1 000 flows read from a file (with 10 000 it paints nothing for more than 40 s): first paint, key
to paint (idle: nothing streams into it), memory.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from figures import machine, percentile, write
from servers import free_port, install_mitmdump
from terminal import Terminal

ROWS = 10_000
PEER_ROWS = 1_000
RATE = 200
EVENTS = 100_000
CURSOR = "▶".encode()
UP, DOWN = "k", "j"
TRAFFIC = "3"
"""The key of the list of decisions."""
TARGETS = {
    "first_paint_ms": 800.0,
    "key_p95_ms": 25.0,
    "event_p95_ms": 250.0,
    "pending_p95_ms": 100.0,
    "release_p95_ms": 50.0,
    "rss_mib_after": 120.0,
}
FLOWS = """
import sys
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow
with open(sys.argv[1], "wb") as out:
    writer = FlowWriter(out)
    for number in range(int(sys.argv[2])):
        flow = tflow.tflow(resp=True)
        flow.request.path = f"/v1/items/{number}"
        writer.add(flow)
"""


class Stage:
    """bench/stage.py, and what it says."""

    def __init__(self, socket: Path) -> None:
        self._child = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("stage.py")), str(socket)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.hear("ready")

    def order(self, line: str) -> None:
        """Have it do something."""
        assert self._child.stdin is not None
        self._child.stdin.write(line + "\n")
        self._child.stdin.flush()

    def hear(self, start: str) -> list[str]:
        """The next line that begins with `start`, in words."""
        assert self._child.stdout is not None
        for line in self._child.stdout:
            if line.startswith(start):
                return line.split()
        raise RuntimeError("the stage is gone")

    def close(self) -> None:
        """End it."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(10)


@contextlib.contextmanager
def stage(home: Path) -> Iterator[Stage]:
    """A made-up daemon in `home`."""
    played = Stage(home / "run" / "control.sock")
    try:
        yield played
    finally:
        played.close()


def environment(home: Path) -> dict[str, str]:
    """Where the dashboard finds the daemon."""
    environ = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    return {**environ, "PIPELOCK_HOME": str(home)}


def program() -> str:
    """Our own."""
    return str(Path(sys.executable).with_name("pipelock"))


def ours(folder: Path, *, quick: bool) -> dict[str, float]:
    """Everything that is measured on the stage."""
    home = folder / "stage"
    home.mkdir(mode=0o700)
    found: dict[str, float] = {}
    with stage(home) as played:
        played.order(f"fill {ROWS}")
        played.hear("filled")
        paints = []
        for _ in range(2 if quick else 5):
            with Terminal([program(), "tui"], environment(home)) as screen:
                screen.painted(b"PIPELOCK")
                paints.append(screen.painted(b"example") - screen.began)
        found["first_paint_ms"] = statistics.median(paints) * 1000
        with Terminal([program(), "tui"], environment(home)) as screen:
            screen.painted(b"PIPELOCK")
            screen.quiet()
            screen.press(TRAFFIC)
            screen.quiet()
            found["rss_mib_full"] = screen.rss()
            found |= visible(played, screen, 20 if quick else 100)
            found |= answered(played, screen, 5 if quick else 30)
            found |= keys(played, screen, 40 if quick else 200)
            found |= flooded(played, screen, EVENTS // 10 if quick else EVENTS)
    return found


def visible(played: Stage, screen: Terminal, rounds: int) -> dict[str, float]:
    """Event to visible while others stream in. Where the next screenful came first it is counted as unseen."""
    times = []
    unseen = 0
    played.order(f"stream {RATE} {rounds * 0.2 + 5}")
    for number in range(rounds):
        word = f"m{number:04}.mark.test"
        played.order(f"mark {word}")
        at = float(played.hear("marked")[2])
        try:
            times.append(screen.painted(word.encode(), at, 2) - at)
        except TimeoutError:
            unseen += 1
        time.sleep(0.1)
    played.hear("streamed")
    return spread("event", times) | {"events_unseen": float(unseen)}


def answered(played: Stage, screen: Terminal, rounds: int) -> dict[str, float]:
    """Pending to visible, and the key to the answer."""
    shown, decided = [], []
    for number in range(1, rounds + 1):
        played.order(f"hold {number}")
        at = float(played.hear("held")[2])
        shown.append(screen.painted(f"#{number} ".encode(), at) - at)
        time.sleep(0.5)  # a prompt that has only just appeared is not answered by a key
        pressed = screen.press("a")
        decided.append(float(played.hear("answered")[2]) - pressed)
        screen.quiet(0.2, 2)
    return spread("pending", shown) | spread("answer", decided)


def keys(played: Stage, screen: Terminal, rounds: int) -> dict[str, float]:
    """Key to paint at full length under load."""
    screen.press(UP * 5)
    screen.quiet(0.3, 3)
    played.order(f"stream {RATE} {rounds * 0.06 + 2}")
    time.sleep(0.5)
    times = []
    for number in range(rounds):
        at = screen.press(UP if number % 2 else DOWN)
        times.append(screen.painted(CURSOR, at) - at)
        time.sleep(0.05)
    played.hear("streamed")
    return spread("key", times)


def flooded(played: Stage, screen: Terminal, events: int) -> dict[str, float]:
    """Memory after many events."""
    screen.press("G")
    before = screen.rss()
    played.order(f"stream 2000 {events / 2000}")
    played.hear("streamed")
    word = "end.mark.test"
    played.order(f"mark {word}")
    at = float(played.hear("marked")[2])
    screen.painted(word.encode(), at, 120)
    return {"rss_mib_before": before, "rss_mib_after": screen.rss(), "events": float(events)}


def released(folder: Path, rounds: int) -> dict[str, float]:
    """From the key that allows to the client's answer, through the real daemon and a real origin."""
    home = folder / "daemon"
    home.mkdir(mode=0o700)
    origin, port = free_port(), free_port()
    config = home / "pipelock.yaml"
    config.write_text(
        "fetch_proxy: {monitoring: {max_requests_per_minute: 0}}\n"
        "forward_proxy: {enabled: true}\n"
        'ssrf: {ip_allowlist: ["127.0.0.0/8"]}\n'
        "egress_default: ask\n"
    )
    (folder / "www").mkdir()
    (folder / "www" / "page.txt").write_text("hello\n")
    environ = environment(home)
    serving = [sys.executable, "-m", "http.server", str(origin), "--bind", "127.0.0.1", "-d", str(folder / "www")]
    running = [program(), "run", "-c", str(config), "-l", f"127.0.0.1:{port}"]
    quietly = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(serving, **quietly) as web, subprocess.Popen(running, env=environ, **quietly) as daemon:
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{port}"}))
            _until((home / "run" / "control.sock").exists)
            with Terminal([program(), "tui"], environ) as screen:
                screen.painted(b"PIPELOCK", seconds=30)
                screen.quiet()
                times = [_held(opener, origin, screen, number) for number in range(1, rounds + 1)]
        finally:
            daemon.terminate()
            web.terminate()
    return spread("release", times)


def _held(opener: urllib.request.OpenerDirector, origin: int, screen: Terminal, number: int) -> float:
    ended: list[float] = []

    def ask() -> None:
        with opener.open(f"http://127.0.0.1:{origin}/page.txt?{number}", timeout=30) as answer:
            answer.read()
        ended.append(time.monotonic())

    client = threading.Thread(target=ask)
    since = time.monotonic()
    client.start()
    screen.painted(f"#{number} ".encode(), since)
    time.sleep(0.5)
    pressed = screen.press("a")
    client.join(30)
    screen.quiet(0.2, 2)
    return ended[0] - pressed


def _until(check: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not check():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise TimeoutError("the daemon did not start")
        time.sleep(0.05)


def console(folder: Path, *, quick: bool) -> dict[str, float]:
    """Mitmproxy's console with as many flows, read from a file."""
    mitmdump = install_mitmdump()
    flows = folder / "flows"
    subprocess.run([str(mitmdump.with_name("python")), "-c", FLOWS, str(flows), str(PEER_ROWS)], check=True)
    command = [str(mitmdump.with_name("mitmproxy")), "-n", "-r", str(flows), "--set", f"confdir={folder}"]
    paints = []
    for _ in range(1 if quick else 3):
        with Terminal(command, os.environ) as screen:
            paints.append(screen.painted(b"address") - screen.began)
    times = []
    with Terminal(command, os.environ) as screen:
        screen.painted(b"address", seconds=60)
        screen.quiet(2, 60)
        for number in range(40 if quick else 200):
            at = screen.press(UP if number % 2 else DOWN)
            times.append(screen.painted(b"", at) - at)
            time.sleep(0.05)
        memory = screen.rss()
    return {"first_paint_ms": statistics.median(paints) * 1000, "rss_mib_full": memory} | spread("key", times)


def spread(name: str, seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile in milliseconds."""
    return {
        f"{name}_p50_ms": statistics.median(seconds) * 1000,
        f"{name}_p95_ms": percentile(seconds, 0.95) * 1000,
    }


def show(found: dict[str, float], peer: dict[str, float]) -> None:
    """Print a table."""
    print(f"\n{'dashboard':24}{'ours':>10}{'target':>10}{'mitmproxy':>11}")
    for name, value in found.items():
        target = f"{TARGETS[name]:g}" if name in TARGETS else ""
        beside = f"{peer[name]:.1f}" if name in peer else ""
        missed = "  missed" if name in TARGETS and value > TARGETS[name] else ""
        print(f"{name:24}{value:>10.1f}{target:>10}{beside:>11}{missed}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, a tenth of the events")
    parser.add_argument("--no-peer", action="store_true", help="leave mitmproxy out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pipelock-bench-") as name:
        folder = Path(name)
        found = ours(folder, quick=options.quick)
        found |= released(folder, 5 if options.quick else 20)
        peer: dict[str, float] = {}
        if not options.no_peer:
            try:
                peer = console(folder, quick=options.quick)
            except (subprocess.CalledProcessError, TimeoutError) as error:
                print(f"mitmproxy is left out: {error}", file=sys.stderr)
    show(found, peer)
    write(
        "dashboard",
        {
            "when": time.strftime("%Y-%m-%dT%H:%M:%S"),
            "machine": machine(),
            "pipelock": found,
            "mitmproxy": peer,
            "targets": TARGETS,
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
