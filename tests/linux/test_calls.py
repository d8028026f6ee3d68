from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.model import WallName
from pipelock_linux import seccomp
from pipelock_linux.calls import MAX_PATH, Call, Memory, describe, paths_of

_HERE = 0xFFFFFF9C  # AT_FDCWD as an int in a register
_UNREADABLE = r"error|no text"
_ARGS = st.lists(st.integers(0, (1 << 64) - 1), min_size=6, max_size=6).map(tuple)


def a_call(name: str, *args: int) -> Call:
    a, b, c, d, e, f = (*args, 0, 0, 0, 0, 0, 0)[:6]
    return Call(name, (a, b, c, d, e, f))


@pytest.fixture
def memory():
    """This process's own."""
    own = Memory(os.getpid())
    yield own
    own.close()


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (a_call("ptrace", 16), "ptrace"),
        (a_call("socket", 17, 3, 768), "socket AF_PACKET SOCK_RAW"),
        (a_call("socket", 2, 3 | 0o2000000, 1), "socket AF_INET SOCK_RAW"),
        (a_call("socket", 1 | 7 << 32, 1), "socket AF_UNIX SOCK_STREAM"),
        (a_call("socket", 16, 3, 15), "socket AF_NETLINK SOCK_RAW protocol 15"),
        (a_call("socket", 99, 9), "socket family 99 type 9"),
        (a_call("socketpair", 1, 2), "socketpair AF_UNIX SOCK_DGRAM"),
        (a_call("clone", 0x10000011), "clone into a new user namespace"),
        (a_call("clone", 0x60020091), "clone into a new mount, PID, network namespace"),
        (a_call("unshare", 0x80), "unshare into a new time namespace"),
        (a_call("ioctl", 0, 0x5412 | 1 << 40), "ioctl TIOCSTI"),
        (a_call("ioctl", 0, 0x1234), "ioctl 0x1234"),
        (a_call("ioctl", 0, 0x50009401), "ioctl BTRFS_IOC_SNAP_CREATE"),
        (a_call("setpriority", 1, 0, 19), "setpriority of a process group"),
        (a_call("ioprio_set", 2, 0, 0), "ioprio_set of a process group"),
        (a_call("ioprio_set", 1, 0, 0), "ioprio_set of kind 1"),
        (a_call("seccomp", 1, 8), "seccomp with a listener"),
        (a_call("personality", 0x400000), "personality 0x400000"),
        (a_call("mknodat", 0, 0, 0o020666), "mknodat of a device"),
        (a_call("sendto", 0, 0, 0, 0x20000000), "sendto with MSG_FASTOPEN"),
        (a_call("prlimit64", 1), "prlimit64 of another process"),
        (a_call("listen", 3), "listen"),
        (a_call("call 999"), "call 999"),
    ],
)
def test_denied_calls_in_words(call, what) -> None:
    denial = describe(call)

    assert denial.what == what
    assert denial.wall is WallName.SYSCALLS
    assert denial.why


@given(
    name=st.sampled_from(
        sorted({*seccomp.DENIED, *seccomp.DENIED_WITHOUT_NAMESPACES, *seccomp.checked(seccomp.InetUse.TCP_ONLY)})
    ),
    args=_ARGS,
)
def test_whatever_is_in_the_registers_there_is_a_word_for_it(name, args) -> None:
    denial = describe(Call(name, args))

    assert denial.what.startswith(name)
    assert denial.what.isascii()
    assert len(denial.what) <= 300


class Texts:
    """Texts in this process's memory."""

    def __init__(self) -> None:
        self._kept: list[object] = []

    def at(self, text: bytes) -> int:
        buffer = ctypes.create_string_buffer(text)
        self._kept.append(buffer)
        return ctypes.addressof(buffer)


@pytest.fixture
def texts() -> Texts:
    return Texts()


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Path:
    made = tmp_path.resolve()
    (made / "real").mkdir()
    (made / "real/file").touch()
    (made / "link").symlink_to("real")
    (made / "absolute").symlink_to(made / "real")
    (made / "loop").symlink_to("loop")
    monkeypatch.chdir(made)
    return made


@pytest.mark.parametrize(
    ("name", "before", "after", "writes"),
    [
        ("open", (), (os.O_RDONLY,), False),
        ("open", (), (os.O_RDWR,), True),
        ("open", (), (os.O_CREAT,), True),
        ("openat", (_HERE,), (os.O_RDONLY | os.O_CLOEXEC,), False),
        ("openat", (_HERE,), (os.O_RDONLY | os.O_TRUNC,), True),
        ("openat", (0xFFFFFFFFFFFFFF9C,), (os.O_WRONLY,), True),
        ("creat", (), (), True),
        ("execve", (), (), False),
        ("execveat", (_HERE,), (), False),
        ("unlinkat", (_HERE,), (), True),
        ("mkdir", (), (), True),
        ("truncate", (), (), True),
        ("chmod", (), (), True),
        ("symlink", (1,), (), True),
        ("symlinkat", (1, _HERE), (), True),
        ("utimensat", (_HERE,), (), True),
    ],
)
def test_which_path_is_meant_and_what_for(name, before, after, writes, memory, texts, tree) -> None:
    call = a_call(name, *before, texts.at(b"link/../link/./file"), *after)

    # `link/..` is the folder that what the link leads to is in.
    assert paths_of(call, memory) == [(f"{tree}/real/file", writes)]


def test_calls_with_two_paths(memory, texts, tree) -> None:
    one, other = texts.at(b"real/file"), texts.at(b"absolute/new")
    folder = os.open("real", os.O_PATH)
    try:
        assert paths_of(a_call("rename", one, other), memory) == [
            (f"{tree}/real/file", True),
            (f"{tree}/real/new", True),
        ]
        assert paths_of(a_call("link", one, other), memory) == [
            (f"{tree}/real/file", False),
            (f"{tree}/real/new", True),
        ]
        assert paths_of(a_call("renameat2", folder, texts.at(b"file"), _HERE, other), memory) == [
            (f"{tree}/real/file", True),
            (f"{tree}/real/new", True),
        ]
        assert paths_of(a_call("openat", folder, texts.at(b"../../etc/./passwd"), 0), memory) == [
            (str(tree.parent / "etc/passwd"), False)
        ]
    finally:
        os.close(folder)


def test_calls_that_name_nothing(memory, texts, tree) -> None:
    assert paths_of(a_call("utimensat", 3, 0), memory) == []
    assert paths_of(a_call("fchownat", 3, texts.at(b"")), memory) == []
    assert paths_of(a_call("openat", _HERE, texts.at(b"real"), os.O_PATH), memory) == []
    assert paths_of(a_call("read", 3), memory) == []


def test_links_that_lead_nowhere_end(memory, texts, tree) -> None:
    assert paths_of(a_call("open", texts.at(b"loop/x")), memory) == [(f"{tree}/loop/x", False)]
    # The 257th part is not looked up any more, but counted in.
    deep = b"/".join([b"real/.."] * 200)
    assert paths_of(a_call("open", texts.at(deep)), memory) == [(str(tree), False)]


@pytest.fixture(scope="module")
def maze(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("maze").resolve()
    for folder in ("a/b/c", "d"):
        (made / folder).mkdir(parents=True)
    for link, target in {"a/up": "..", "a/b/far": str(made / "d"), "d/back": "../a/b", "e": "a/b/far/back/c"}.items():
        (made / link).symlink_to(target)
    return made


@given(
    parts=st.lists(
        st.sampled_from(["a", "b", "c", "d", "e", "up", "far", "back", "missing", "..", ".", ""]), max_size=9
    )
)
def test_links_are_followed_as_the_system_follows_them(parts, maze) -> None:
    path = "/".join([str(maze), *parts])
    own = Memory(os.getpid())
    try:
        assert own.resolved(path) == os.path.realpath(path)
    finally:
        own.close()


def test_names_that_are_no_text_are_kept(memory, texts, tree) -> None:
    assert paths_of(a_call("open", texts.at(b"\xff\xfe")), memory) == [(f"{tree}/\udcff\udcfe", False)]


@pytest.fixture
def pages():
    """The address of two pages with nothing behind them."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    size = 3 * mmap.PAGESIZE
    start = libc.mmap(None, ctypes.c_size_t(size), 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, ctypes.c_size_t(0))
    assert libc.munmap(ctypes.c_void_p(start + 2 * mmap.PAGESIZE), ctypes.c_size_t(mmap.PAGESIZE)) == 0
    yield start
    assert libc.munmap(ctypes.c_void_p(start), ctypes.c_size_t(2 * mmap.PAGESIZE)) == 0


def test_texts_at_the_end_of_memory(memory, pages) -> None:
    end = pages + 2 * mmap.PAGESIZE
    ctypes.memmove(end - 5, b"/end\0", 5)
    assert memory.text(end - 5) == "/end"
    ctypes.memmove(end - 5, b"/endl", 5)
    with pytest.raises(OSError, match=_UNREADABLE):
        memory.text(end - 5)


def test_texts_across_pages(memory, pages) -> None:
    ctypes.memset(pages, ord("a"), 2 * mmap.PAGESIZE)
    with pytest.raises(OSError, match="no text"):
        memory.text(pages)
    ctypes.memmove(pages + mmap.PAGESIZE + 9, b"\0", 1)
    assert memory.text(pages + mmap.PAGESIZE - 100) == "a" * 109
    assert len(memory.text(pages + mmap.PAGESIZE + 10 - MAX_PATH)) == MAX_PATH - 1
    with pytest.raises(OSError, match="no text"):
        memory.text(pages + mmap.PAGESIZE + 9 - MAX_PATH)


@pytest.mark.parametrize("address", [0, 8, 1 << 63, (1 << 64) - 1])
def test_addresses_without_memory(address, memory) -> None:
    with pytest.raises(OSError, match=_UNREADABLE):
        memory.text(address)


def test_a_folder_that_is_not_open(memory, texts) -> None:
    with pytest.raises(OSError, match="No such file"):
        paths_of(a_call("openat", 0xFFFF, texts.at(b"x")), memory)


def test_every_call_that_is_looked_at_has_its_place(memory, texts, tree) -> None:
    place = texts.at(b"/x" + bytes(30))
    flags = {"open": 1, "openat": 2}
    for name in seccomp.OBSERVED:
        args = [0 if index == flags.get(name) else place for index in range(6)]
        assert {path for path, _ in paths_of(a_call(name, *args), memory)} == {"/x"}, name
