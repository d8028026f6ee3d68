from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

# A reactor that takes its time to stop, as the daemon does while it finishes what is under way.
_SLOW = textwrap.dedent("""
    import os, signal, sys
    from twisted.internet import defer, reactor
    from twisted.python import log
    from pipelock.daemon.signals import Stopping

    log.startLogging(sys.stderr, setStdout=False)
    stopping, done = Stopping(reactor), defer.Deferred()
    reactor.callWhenRunning(stopping.heed)

    def again():
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        stopping.stop()
        reactor.callLater(0, reactor.callLater, 0, done.callback, None)
        return done

    reactor.addSystemEventTrigger("before", "shutdown", again)
    reactor.callWhenRunning(os.kill, os.getpid(), int(sys.argv[1]))
    reactor.run()
    print("stopped")
""")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_stops_is_not_stopped_again(number: signal.Signals) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _SLOW, str(int(number))], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "stopped\n"), ran.stderr
    assert "Traceback" not in ran.stderr
    assert "ReactorNotRunning" not in ran.stderr


def test_what_is_ignored_stays_ignored() -> None:
    text = _SLOW.replace("stopping, done", "signal.signal(signal.SIGINT, signal.SIG_IGN)\nstopping, done", 1)
    text = text.replace("int(sys.argv[1])", "signal.SIGTERM").replace(
        'print("stopped")', "print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    )
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (0, "True\n"), ran.stderr
