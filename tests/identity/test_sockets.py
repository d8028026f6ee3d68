"""Which process has the other end: real sockets of a real child, and made-up tables."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelock.identity import sockets
from pipelock.identity._netlink import Ends, Found, SocketDiag, folded
from pipelock.identity._tables import find_in_tables
from pipelock.identity.process import ProcessId, process_id
from pipelock.identity.sockets import MAX_RECENT, SocketOwners, ends_of
from tests.identity.trees import add, empty_proc

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the Linux kernel")
CHILD = """
import socket, sys
links = [socket.create_connection((sys.argv[1], int(sys.argv[2]))) for _ in range(int(sys.argv[3]))]
input()
"""


@contextmanager
def connected(host: str = "127.0.0.1", count: int = 1) -> Iterator[tuple[subprocess.Popen[bytes], list[Ends]]]:
    """A child with connections to us, and the ends of them."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port = str(server.getsockname()[1])
        with subprocess.Popen([sys.executable, "-c", CHILD, host, port, str(count)], stdin=subprocess.PIPE) as child:
            links = [server.accept() for _ in range(count)]
            found = [ends_of(*peer[:2], *link.getsockname()[:2]) for link, peer in links]
            yield child, [ends for ends in found if ends is not None]
            child.communicate(b"\n")
            for link, _ in links:
                link.close()


def pid_of(owners: SocketOwners, ends: Ends) -> int:
    held = owners.find(ends)
    return held.process.pid if held is not None else 0


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.0.0.9"])
def test_the_process_at_the_other_end_is_found(host: str) -> None:
    owners = SocketOwners()
    with connected(host, 3) as (child, every):
        assert [pid_of(owners, ends) for ends in every] == [child.pid] * 3
        held = owners.find(every[0])
        assert held is not None
        assert held.process == process_id(child.pid)
    assert [owners.find(ends) for ends in every] == [None] * 3  # it has ended
    owners.close()
    owners.close()


@LINUX
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_tables_say_what_netlink_says(host: str) -> None:
    diag = SocketDiag()
    with connected(host) as (_, (ends,)):
        found = diag.find(ends)
        assert found is not None
        assert found.uid == os.getuid()
        assert find_in_tables(ends, Path("/proc")) == found
        for other in (
            ends._replace(client_port=1),
            ends._replace(server_port=1),
            Ends(ends.server, ends.server_port, ends.client, 1),
        ):
            assert diag.find(other) is None
            assert find_in_tables(other, Path("/proc")) is None
    diag.close()


@LINUX
def test_without_netlink_the_tables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise OSError("a sandbox forbids it")

    monkeypatch.setattr(sockets, "SocketDiag", refused)
    owners = SocketOwners()
    with connected() as (child, (ends,)):
        assert pid_of(owners, ends) == child.pid
        assert pid_of(owners, ends) == child.pid


@LINUX
def test_psutil_finds_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with connected() as (child, (ends,)):
        # Not all of this machine: each of them is asked for all that it has.
        monkeypatch.setattr("psutil.pids", lambda: [os.getpid(), os.getppid(), child.pid, 2**22])
        held = sockets._ask_psutil(ends)
        assert held is not None
        assert held.process.pid == child.pid
        assert sockets._ask_psutil(ends._replace(client_port=1)) is None


@pytest.mark.parametrize(
    ("client", "server", "ends"),
    [
        ("127.0.0.1", "127.0.0.1", Ends("127.0.0.1", 1, "127.0.0.1", 2)),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", Ends("127.0.0.1", 1, "127.0.0.1", 2)),
        ("10.0.0.5", "10.0.0.5", Ends("10.0.0.5", 1, "10.0.0.5", 2)),
        ("fe80::1%eth0", "fe80::1%eth0", Ends("fe80::1", 1, "fe80::1", 2)),
        ("10.0.0.6", "10.0.0.5", None),
        ("::1", "127.0.0.1", None),
        ("", "", None),
        ("/run/x.sock", "/run/x.sock", None),
    ],
)
def test_only_clients_of_this_machine_are_looked_for(client: str, server: str, ends: Ends | None) -> None:
    assert ends_of(client, 1, server, 2) == ends


def test_addresses_are_folded() -> None:
    assert folded("::FFFF:1.2.3.4") == "1.2.3.4"
    assert folded("nonsense") == "nonsense"


# -- made-up ------------------------------------------------------------------------------------------------------------

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ENDS = Ends("127.0.0.1", 0x8000, "127.0.0.1", 0x22B8)


def row(inode: int, uid: int, state: str = "01") -> str:
    return f"   0: 0100007F:8000 0100007F:22B8 {state} 00000000:00000000 00:00000000 00000000 {uid:5} 0 {inode} 1 x\n"


def house(tmp_path: Path, table: str) -> Path:
    proc = empty_proc(tmp_path)
    (proc / "net").mkdir()
    (proc / "net" / "tcp").write_text(HEAD + table)
    return proc


@pytest.mark.skipif(sys.byteorder != "little", reason="the table is written as this kind of machine writes it")
@pytest.mark.parametrize(
    ("table", "found"),
    [
        (row(77, 1000), Found(77, 1000)),
        (row(77, 1000, "0A"), None),
        (row(0, 1000), None),
        ("   0: 0100007F:8000 0100007F:22B8 01", None),
        ("   0: 0100007F:8000 0100007F:22B8 01 a b c d e f g\n", None),
        ("", None),
    ],
)
def test_rows_of_the_table(tmp_path: Path, table: str, found: Found | None) -> None:
    assert find_in_tables(ENDS, house(tmp_path, table)) == found


little = pytest.mark.skipif(sys.byteorder != "little", reason="likewise")


@little
def test_a_process_is_found_by_what_it_has_open(tmp_path: Path) -> None:
    proc = house(tmp_path, row(77, os.getuid()))
    add(proc, 10, 1, 100, links={0: "/dev/null", 5: "socket:[78]"})
    add(proc, 11, 1, 110, links={3: "socket:[7]", 9: "socket:[77]"})
    add(proc, 12, 1, 120, links={})
    owners = SocketOwners(proc)
    held = owners.find(ENDS)
    assert held is not None
    assert (held.process, held.descriptor) == (ProcessId(11, 110), 9)


@little
def test_processes_of_other_users_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc = house(tmp_path, row(77, os.getuid() + 1))
    add(proc, 11, 1, 110, links={9: "socket:[77]"})
    assert SocketOwners(proc).find(ENDS) is None


@little
def test_a_process_that_ends_meanwhile_is_not_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc = house(tmp_path, row(77, os.getuid()))
    add(proc, 11, 1, 110, links={9: "socket:[77]"})

    def then_it_closes(pid: int, where: Path) -> ProcessId:
        (proc / "11" / "fd" / "9").unlink()
        return process_id(pid, where)

    with monkeypatch.context() as patch:
        patch.setattr(sockets, "process_id", then_it_closes)
        assert SocketOwners(proc).find(ENDS) is None
    (proc / "11" / "fd" / "9").symlink_to("socket:[77]")
    (proc / "11" / "stat").unlink()
    assert SocketOwners(proc).find(ENDS) is None


@little
def test_the_search_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc = house(tmp_path, row(77, os.getuid()))
    add(proc, 10, 1, 100, links={1: "socket:[77]"})
    add(proc, 11, 1, 110, links=dict.fromkeys(range(30), "socket:[1]"))
    monkeypatch.setattr(sockets, "MAX_DESCRIPTORS", 20)
    assert SocketOwners(proc).find(ENDS) is None
    monkeypatch.setattr(sockets, "MAX_DESCRIPTORS", 100)
    assert SocketOwners(proc).find(ENDS) is not None


@little
def test_what_is_remembered_is_bounded_and_helps(tmp_path: Path) -> None:
    proc = house(tmp_path, row(77, os.getuid()))
    owners = SocketOwners(proc)
    for pid in range(100, 100 + MAX_RECENT + 5):
        add(proc, pid, 1, pid, links={4: "socket:[77]"})
        held = owners.find(ENDS)
        assert held is not None
        assert held.process.pid == pid
        (proc / str(pid) / "fd" / "4").unlink()
    assert len(owners._recent) <= MAX_RECENT
    (proc / "101" / "fd" / "6").symlink_to("socket:[77]")
    held = owners.find(ENDS)
    assert held is not None
    assert held.process.pid == 101
