"""Launches with programs that stand in for macOS' own, in a process of their own: `driver.py FOLDER SCENARIO...`.

Prints one JSON object for each scenario. What stands in for sandbox-exec runs the command without any sandbox.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from pipelock.contain.launching import LaunchError, exit_code
from pipelock.contain.profile import Access, Limits, Network
from pipelock.model import Order, OrderVerb
from pipelock_macos import supervise
from pipelock_macos.launcher import Launched, Programs, launch, listen
from tests.macos.profiles import grant, profile

HOLDS = """#!/bin/sh
shift; printf '%s' "$1" > "{folder}/profile"; shift
[ "$4" = probe ] && {{ echo done; exit; }}
exec "$@"
"""
LEAKS = '#!/bin/sh\nshift 2; exec "$@"\n'
BREAKS = "#!/bin/sh\necho 'unbound variable: file-clone' >&2; exit 65\n"
LOG = """#!/bin/sh
tag=$(printf '%s' "$5" | cut -d'"' -f4)
echo 'Filtering the log data using "sender == Sandbox"'
for path in /Users/u/.ssh/id /Users/u/.ssh/id; do
  printf '{{"eventMessage":"Sandbox: cat(7) deny(1) file-read-data %s\\\\n%s","x":1}}\\n' "$path" "$tag"
done
exec sleep 60
"""


class Lease:
    """A daemon that agrees, and orders what the scenario says."""

    session = "a@sandbox-1"

    def __init__(self, folder: Path, orders: dict[str, list[OrderVerb]]) -> None:
        self.path = folder / "orders"
        self.path.unlink(missing_ok=True)
        os.mkfifo(self.path)
        self.pipe = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self.orders = orders
        self.lent = None
        self.reported: list[str] = []
        self.closed = False
        self.is_held = True
        self.turns = 0
        self.thawed = ""

    def take(self, lent):
        self.lent = lent

    def fileno(self) -> int:
        return self.pipe

    def read(self):
        try:
            words = os.read(self.pipe, 1000).decode().split()
        except BlockingIOError:
            return ()
        return tuple(Order(OrderVerb(word), "a test") for word in words)

    def wait(self) -> float:
        return 0.02

    def tick(self) -> None:
        """The command writes its process and what it wants of us to a file."""
        file = self.path.with_name("frozen")
        if file.exists():
            pid = int(file.read_text() or 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] if pid else ""
            if state == "T":
                self.thawed = state
                file.unlink()
                os.write(self.pipe, b"thaw\n")

    def report(self, denial) -> None:
        self.reported.append(denial.what)

    def close(self) -> None:
        self.closed = True


def script(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text.replace("{folder}", str(folder)).replace("{{", "{").replace("}}", "}"))
    path.chmod(0o755)
    return str(path)


SCENARIOS = {
    "plain": 'echo "$TMPDIR $PWD $GREETING $(ls /dev/fd | wc -l)" > seen; touch "$TMPDIR/x" && echo made >> seen; sleep 300 & echo $! >> seen; exit 3',
    "signal": "kill -9 $$",
    "passed": "trap 'exit 8' TERM; kill -TERM $PPID; while :; do sleep 0.01; done",
    "end": "trap 'exit 5' TERM; echo end > orders; while :; do sleep 0.01; done",
    "stubborn": "trap '' TERM; echo end > orders; while :; do sleep 0.01; done",
    "frozen": "echo $$ > frozen; echo freeze > orders; i=0; while [ -e frozen ]; do sleep 0.01; done; exit 4",
    "terminal": '[ -t 0 ] && [ -t 1 ] && tty > seen; stty size >> seen; echo shown; read line; echo "got $line"; : > /dev/tty && exit 6',
    "keys": "stty raw -echo; printf ready; head -c 3 > seen; exit 7",
}


def run(folder: Path, name: str) -> dict[str, object]:
    sandbox = {"leaks": LEAKS, "breaks": BREAKS}.get(name, HOLDS)
    command = ("sh", "-c", SCENARIOS.get(name, "exit 0"))
    command = {"absent": ("no-such-program",), "unfit": ("./unfit",), "ungranted": (str(folder / "out" / "sh"),)}.get(
        name, command
    )
    (folder / "p").mkdir(exist_ok=True)
    (folder / "out").mkdir(exist_ok=True)
    (folder / "p" / "unfit").write_text("")
    shutil.copy("/bin/true", folder / "out" / "sh")
    listener, port = listen()
    wide = [grant(path, Access.WRITE) for path in {tempfile.gettempdir(), "/tmp"} if name == "wide"]
    chosen = profile(
        *wide,
        grant(str(folder / "p"), Access.WRITE),
        grant(str(folder / "home" / ".npm"), Access.COPY, upper=str(folder / "upper")),
        network=Network(proxy_port=port),
        limits=Limits(files=128),
    )
    path = "/usr/bin:/bin"
    chosen = msgspec.structs.replace(
        chosen,
        command=command,
        folder=str(folder / "p"),
        workspace=str(folder / "p"),
        environment=(("GREETING", "hello"), ("PATH", path), ("TMPDIR", "/tmp")),
    )
    lease = Lease(folder / "p", {})
    said: list[str] = []
    stood: list[object] = []

    def standing(walls) -> None:
        stood.extend(walls)
        if name == "unwanted":
            raise ValueError("not like this")

    sandbox_path = "/nonexistent/sandbox-exec" if name == "missing" else script(folder, f"sandbox-{name}", sandbox)
    log = script(folder, "log", LOG) if name == "plain" else "/nonexistent/log"
    programs = Programs(sandbox=sandbox_path, log=log, ps=shutil.which("ps") or "/bin/ps")
    supervise.GRACE = 0.05
    begun = time.monotonic()
    result: dict[str, object] = {"scenario": name}
    try:
        outcome = launch(
            Launched(
                profile=chosen,
                listener=listener,
                shown="sh -c …",
                standing=standing,
                explain=lambda path, writes: None,
                say=said.append,
                programs=programs,
            ),
            lease,
        )
    except (LaunchError, ValueError) as error:
        result |= {"error": str(error), "wall": getattr(error, "wall", "")}
    else:
        result |= {
            "code": exit_code(outcome.status),
            "not_run": outcome.not_run,
            "ended_by": outcome.ended_by,
            "denials": [(denial.what, denial.program, denial.count) for denial in outcome.denials],
        }
    seen = folder / "p" / "seen"
    result |= {
        "seen": seen.read_text().splitlines() if seen.exists() else [],
        "said": said,
        "walls": len(stood),
        "reported": lease.reported,
        "thawed": lease.thawed,
        "closed": lease.closed,
        "port": port,
        "lent": lease.lent and [lease.lent.contained.rung, lease.lent.sockets[0][0].port, len(lease.lent.sockets)],
        "seconds": time.monotonic() - begun,
        "upper": (folder / "upper").is_dir(),
    }
    seen.unlink(missing_ok=True)
    os.close(lease.pipe)
    return result


if __name__ == "__main__":
    where = Path(sys.argv[1])
    results = where / "results"
    with results.open("w") as out:
        for scenario in sys.argv[2:]:
            print(json.dumps(run(where, scenario)), file=out, flush=True)
