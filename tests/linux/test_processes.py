from __future__ import annotations

import os
import subprocess
import sys

from pipelock_linux.processes import children, end_children


def inside(code: str) -> str:
    """What Python code prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_that_descends_from_a_subreaper_is_ended() -> None:
    code = (
        "import os, time\n"
        "from pipelock_linux import libc\n"
        "from pipelock_linux.processes import children, end_children\n"
        "libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1)\n"
        "read, write = os.pipe()\n"
        "for _ in range(3):\n"
        "    if not os.fork():\n"
        "        os.setsid()\n"
        "        if os.fork(): os._exit(0)\n"  # an orphan, in a session of its own
        "        os.fork()\n"
        "        os.write(write, b'x')\n"
        "        time.sleep(600)\n"
        "for _ in range(6): os.read(read, 1)\n"
        "os.close(write)\n"
        "ours = os.fork() or time.sleep(600)\n"
        "end_children({ours})\n"
        "assert children(os.getpid()) == [ours]\n"
        "end_children()\n"
        "print(children(os.getpid()), os.read(read, 1))"  # the end of the pipe: nobody has it any more
    )
    assert inside(code) == "[] b''\n"


def test_without_children_nothing_is_waited_for() -> None:
    assert children(2**22 + 1) == []
    if not children(os.getpid()):
        end_children()
