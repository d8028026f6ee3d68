"""Launches with a daemon that is played, where this machine gives namespaces."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelock.contain.launching import LaunchError, exit_code
from pipelock.contain.profile import Access, Grant, Limits, Profile
from pipelock.control.errors import ControlError
from pipelock.control.lease import Lent
from pipelock.model import Denial, HandedKind, Order, OrderVerb, Rung, Wall, WallName, WallState
from pipelock_linux import cgroup
from pipelock_linux.cgroup import Cgroup
from pipelock_linux.launcher import Ground, Launched, launch, listen_on_host
from pipelock_linux.notifier import Notifier
from pipelock_linux.probe import probe
from pipelock_linux.processes import children
from pipelock_linux.supervise import Outcome


@pytest.fixture(scope="module", autouse=True)
def _needs_namespaces() -> None:
    found = probe()
    if found.rung is not Rung.NAMESPACE:
        pytest.skip(f"no namespaces here: {found.wall(WallName.NETWORK).detail}")


class Lease:
    """The daemon's part: agrees, or does what `take` is told; orders come as the agent asks for them."""

    def __init__(self, refusal: str = "") -> None:
        self.refusal = refusal
        self.lent: Lent | None = None
        self.closed = False
        self.is_held = True
        self.reported: list[Denial] = []
        self.orders: list[Order] = []

    def take(self, lent: Lent) -> str:
        self.lent = lent
        if self.refusal:
            raise ControlError("bad_request", self.refusal)
        return "session"

    def fileno(self) -> int:
        return -1

    def read(self) -> tuple[Order, ...]:
        return ()

    def wait(self) -> float | None:
        return None

    def tick(self) -> None:
        pass

    def report(self, denial: Denial) -> None:
        self.reported.append(denial)

    def close(self) -> None:
        self.closed = True


def becomes(check: Callable[[], bool]) -> bool:
    """Whether something is so within ten seconds."""
    end = time.monotonic() + 10
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def below(pid: int) -> Iterator[int]:
    for child in children(pid):
        yield child
        yield from below(child)


def are_stopped() -> bool:
    """Whether all that the first process has started is stopped, or waits for who is (proc_pid_stat(5), vfork(2))."""
    agents = [pid for first in children(os.getpid()) for pid in below(first)]
    states = {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in agents}
    return {"T"} <= states <= {"T", "D"}


class Orders(Lease):
    """Orders what the test wants, each once the agent has written a byte to a pipe that it can reach (a FIFO)."""

    def __init__(self, ready: Path, *orders: Order) -> None:
        super().__init__()
        os.mkfifo(ready)
        self.orders = list(orders)
        self.seen: list[bool] = []
        self.group: Cgroup | None = None
        self._beat = ready.with_name("beat")
        self._ready = os.open(ready, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        return self._ready if self.orders and self.lent is not None else -1

    def read(self) -> tuple[Order, ...]:
        try:
            os.read(self._ready, 1)
        except BlockingIOError:
            return ()
        order = self.orders.pop(0)
        if order.verb is OrderVerb.THAW:
            self.seen.append(becomes(self._is_frozen))
        elif order.verb is OrderVerb.END:
            before = self._beat.stat().st_size
            self.seen.append(becomes(lambda: self._beat.stat().st_size > before))
        return (order,)

    def _is_frozen(self) -> bool:
        if self.group is None:
            return are_stopped()
        return "frozen 1" in (self.group.path / "cgroup.events").read_text()

    def close(self) -> None:
        super().close()
        if self._ready >= 0:
            os.close(self._ready)
            self._ready = -1


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Nothing of a launch is left: no descriptor, no process."""
    before = sorted(Path("/proc/self/fd").iterdir())
    kin = children(os.getpid())
    yield
    assert sorted(Path("/proc/self/fd").iterdir()) == before
    assert children(os.getpid()) == kin


def profile(folder: Path, *command: str, grants: tuple[Grant, ...] = ()) -> Profile:
    system = [Grant(path=path, access=Access.READ, why="system") for path in ("/usr", "/etc")]
    own = Grant(path=str(folder), access=Access.WRITE, why="workspace")
    return Profile(
        agent="agent",
        command=command,
        folder=str(folder),
        workspace=str(folder),
        home="/root",
        grants=tuple(sorted((*system, own, *grants), key=lambda grant: grant.path)),
        environment=(("PATH", "/usr/bin:/bin"),),
        links=tuple(
            (path, str(Path(path).readlink()))
            for path in ("/bin", "/lib", "/lib64", "/sbin")
            if Path(path).is_symlink()
        ),
    )


def go(made: Profile, lease: Lease, *, refuse: bool = False, ground: Ground | None = None) -> Outcome:
    def standing(walls: tuple[Wall, ...]) -> None:
        if refuse:
            raise LaunchError(WallName.FILES, "not like this", "a fix")

    wish = Launched(
        profile=made,
        ground=ground or Ground(),
        shown="shown",
        standing=standing,
        watcher=Notifier,
        say=lambda _line: None,
    )
    return launch(wish, lease)  # type: ignore[arg-type]


@pytest.mark.usefixtures("descriptors")
def test_what_is_handed_over_and_what_is_told(tmp_path: Path) -> None:
    lease = Lease()
    outcome = go(profile(tmp_path, "sh", "-c", "umount /usr 2>/dev/null; touch made; exit 3"), lease)
    assert (exit_code(outcome.status), outcome.not_run, outcome.unable) == (3, None, None)
    assert (tmp_path / "made").exists()
    assert lease.closed
    assert lease.lent is not None
    contained = lease.lent.contained
    assert (contained.agent, contained.command, contained.rung, len(contained.id)) == (
        "agent",
        "shown",
        Rung.NAMESPACE,
        12,
    )
    assert [wall.name for wall in contained.walls] == list(WallName)
    assert {wall.state for wall in contained.walls} <= {WallState.UP, WallState.OFF, WallState.PARTLY}
    kinds = [handed.kind for handed, _ in lease.lent.sockets]
    assert {HandedKind.PROXY, HandedKind.TRANSPARENT, HandedKind.DNS} < set(kinds)
    assert kinds.index(HandedKind.PROCESS) == len(kinds) - 1
    if outcome.denials:  # where a filter of someone else's tells already, ours does not
        assert outcome.denials[0].what.startswith("umount")
        assert lease.reported == list(outcome.denials)


@pytest.mark.usefixtures("descriptors")
def test_nothing_is_started_where_somebody_does_not_want_to(tmp_path: Path) -> None:
    made = profile(tmp_path, "touch", "made")
    with pytest.raises(LaunchError) as caught:
        go(made, Lease(), refuse=True)
    assert (caught.value.wall, str(caught.value), caught.value.fix) == (WallName.FILES, "not like this", "a fix")
    with pytest.raises(ControlError):
        go(made, Lease("rule 1 is no rule"))
    beyond = Grant(path=str(tmp_path / "gone"), access=Access.MASK, why="not there any more")
    with pytest.raises(LaunchError) as caught:
        go(profile(tmp_path, "touch", "made", grants=(beyond,)), Lease())
    assert caught.value.wall is WallName.FILES
    assert not (tmp_path / "made").exists()


@pytest.mark.usefixtures("descriptors")
@pytest.mark.parametrize("with_group", [True, False])
def test_an_agent_stands_still_goes_on_and_ends_as_ordered(
    with_group: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = cgroup.create

    def created(name: str, limits: Limits) -> Cgroup | None:
        lease.group = create(name, limits) if with_group else None
        return lease.group

    monkeypatch.setattr(cgroup, "create", created)
    lease = Orders(
        tmp_path / "ready",
        Order(OrderVerb.FREEZE, "kill switch"),
        Order(OrderVerb.THAW),
        Order(OrderVerb.END, "enough"),
    )
    # Every byte in the FIFO is an order; while it stands still it can't write, so all are asked for beforehand.
    code = "echo > beat; trap 'echo over > said; exit 5' TERM; printf 123 > ready; while :; do echo >> beat; sleep 0.01; done"
    outcome = go(profile(tmp_path, "sh", "-c", code), lease)
    assert (exit_code(outcome.status), outcome.ended_by) == (5, "enough")
    assert (tmp_path / "said").read_text() == "over\n"
    assert (lease.orders, lease.seen) == ([], [True, True])


def test_a_proxy_port_on_the_host_is_loopbacks_alone() -> None:
    ((handed, descriptor),) = listen_on_host()
    try:
        assert handed.kind is HandedKind.PROXY
        assert 0 < handed.port < 65_536
        assert not os.get_inheritable(descriptor)
    finally:
        os.close(descriptor)
