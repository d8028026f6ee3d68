"""The daemon's end of the control socket, on Twisted.

`ControlServer` is the factory and knows the daemon; `ControlPeer` is one connection. What keeps a peer from hurting
the daemon or the others:

- at most `MAX_CONNECTIONS` connections, of which peers that may not decide get at most `MAX_WATCH_ONLY`: an agent
  cannot lock the operator out by filling the table;
- `HELLO_TIMEOUT` seconds to say `Hello`, and for the frame that descriptors came with;
- `MAX_FRAMES_PER_SECOND` frames a second, handled in slices so that no peer holds the reactor; whoever sends more is
  read more slowly;
- a peer that does not read is not written to: replies stop because its requests are no longer read, events wait in
  the bus's ring. What is buffered for it stays below `MAX_OUTGOING` bytes.

There is one way for events to reach a watcher, `ControlPeer.pump`: from the ring, from the place where that watcher
stands. Live watching, resuming and catching up are the same thing, so nothing is lost or told twice between them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol as Interface
from typing import cast

import msgspec
from twisted.internet.interfaces import IAddress, IFileDescriptorReceiver
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pipelock.control import frames
from pipelock.control._later import Slow
from pipelock.control._leases import Leasing, Tenant, close_all
from pipelock.control._verbs import Question, decides, start
from pipelock.control._wire import fit_event
from pipelock.control.backend import Backend, BackendError
from pipelock.control.frames import PROTOCOL
from pipelock.control.peers import Company, DaemonFacts, Peer, PeerFacts, Rights, judge_peer
from pipelock.control.protocol import MAX_NUMBER, LocalProtocolError, RemoteProtocolError, ServerConnection, State
from pipelock.door.edges import Call, Clock, Wire
from pipelock.model import Event, Order

__all__ = [
    "HELLO_TIMEOUT",
    "MAX_CONNECTIONS",
    "MAX_FRAMES_PER_SECOND",
    "MAX_LATER",
    "MAX_OUTGOING",
    "MAX_UNCLAIMED",
    "MAX_UNCLAIMED_WATCH_ONLY",
    "MAX_WATCH_ONLY",
    "PUMP_DELAY",
    "Backend",
    "BackendError",
    "ControlPeer",
    "ControlServer",
    "identify",
]

MAX_CONNECTIONS = 128
"""Each sandbox has one for as long as its agent lives."""
MAX_WATCH_ONLY = 32
"""Connections of peers that may watch but not decide."""
MAX_FRAMES_PER_SECOND = 2_000
MAX_OUTGOING = 4 * 1024 * 1024
"""Bytes buffered for one peer. Twisted asks us to stop at 64 KiB, so one frame more is what it comes to."""
HELLO_TIMEOUT = 5.0
"""Seconds a peer has to say `Hello`, for the frame that descriptors came with, and to take what was sent before its
connection is cut."""
PUMP_DELAY = 0.01
"""Seconds for which events are gathered before they are pushed: fewer, larger writes under load."""
MAX_LATER = 4
"""Questions of one peer that are answered later, at once."""
MAX_UNCLAIMED = 256
"""Descriptors that came and wait for the rest of their frame, all peers together."""
MAX_UNCLAIMED_WATCH_ONLY = 128
"""Of these, those of all peers that may not decide."""
_REFUSALS = 16
"""Connections beyond the limit that are told why; further ones are cut without a word."""
_SLICE = 64
_SLICE_SECONDS = _SLICE / MAX_FRAMES_PER_SECOND
_BATCH = 100
_ROLES = frozenset({"dashboard", "command"})


class PeerLike(Interface):
    """The other end of a connection: `Peer`, or a stand-in with made-up facts."""

    def facts(self) -> PeerFacts:
        """What is known about it at this moment; never raises."""

    def close(self) -> None:
        """Let go of it."""


def identify(wire: Wire) -> PeerLike:
    """Who is at the other end of `wire`, a connected Unix socket.

    Raises:
        OSError: The kernel does not say.
    """
    return Peer(wire.getHandle())


class ControlServer(Factory):
    """Serves the control protocol for `backend`; listen with `pipelock.control.listen`.

    `clock` schedules, `daemon` is what peers are measured against (`read_daemon_facts`), `watched` gives the
    processes known to be agents, as (pid, start time), `identify` says who a transport's other end is, `company`
    which programs nobody who decides may run in.
    """

    noisy = False

    def __init__(
        self,
        backend: Backend,
        clock: Clock,
        daemon: DaemonFacts,
        watched: Callable[[], Collection[tuple[int, int]]] = tuple,
        identify: Callable[[Wire], PeerLike] = identify,
        *,
        company: Callable[[], Company] = Company,
    ) -> None:
        self.backend = backend
        self.clock = clock
        self.identify = identify
        self._daemon = daemon
        self._watched = watched
        self._company = company
        self._peers: set[ControlPeer] = set()
        self._watchers: set[ControlPeer] = set()
        self._unsubscribe: Callable[[], None] | None = None
        self._pumping: Call | None = None

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._peers)

    def buildProtocol(self, addr: IAddress | None) -> ControlPeer | None:
        """A conversation for a new connection; `None` cuts it, where even saying why would be too much."""
        del addr
        return ControlPeer(self) if len(self._peers) < MAX_CONNECTIONS + _REFUSALS else None

    def judge(self, facts: PeerFacts) -> Rights:
        """What a peer may do, by what is known now."""
        return judge_peer(facts, self._daemon, self._watched(), self._company())

    def admit(self, peer: ControlPeer) -> str:
        """Take `peer` into the table; why it can't stay, empty where it can."""
        crowded = len(self._peers) >= MAX_CONNECTIONS
        watch_only = sum(not other.rights.may_decide for other in self._peers)
        self._peers.add(peer)
        if crowded:
            return f"the daemon serves {MAX_CONNECTIONS} control connections already"
        if not peer.rights.may_watch:
            return peer.rights.why
        if not peer.rights.may_decide and watch_only >= MAX_WATCH_ONLY:
            return f"the daemon serves {MAX_WATCH_ONLY} connections that may only watch already"
        return ""

    def dismiss(self, peer: ControlPeer) -> None:
        """Forget `peer`; harmless when done already."""
        self._peers.discard(peer)
        self.stop_watching(peer)

    def spare_descriptors(self, peer: ControlPeer) -> int:
        """How many more descriptors of `peer` may wait for the rest of their frame."""
        spare = MAX_UNCLAIMED - sum(other.tenant.waiting for other in self._peers)
        if peer.rights.may_decide:
            return spare
        watching = sum(other.tenant.waiting for other in self._peers if not other.rights.may_decide)
        return min(spare, MAX_UNCLAIMED_WATCH_ONLY - watching)

    def start_watching(self, peer: ControlPeer) -> None:
        """Pump `peer` whenever something happens."""
        self._watchers.add(peer)
        if self._unsubscribe is None:
            self._unsubscribe = self.backend.bus.subscribe(self._note)

    def stop_watching(self, peer: ControlPeer) -> None:
        """Do that no more. While nobody watches, the bus has one listener less to tell."""
        self._watchers.discard(peer)
        if not self._watchers and self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def close(self, why: str = "the daemon is stopping") -> None:
        """Say goodbye to everybody. New connections are the port's affair: stop that first."""
        for peer in tuple(self._peers):
            peer.refuse(why)
        if self._pumping is not None:
            self._pumping.cancel()
            self._pumping = None

    def abort(self) -> None:
        """Cut every connection without a word."""
        for peer in tuple(self._peers):
            peer.cut()

    def _note(self, _event: Event) -> None:
        if self._pumping is None:
            self._pumping = self.clock.callLater(PUMP_DELAY, self._pump)

    def _pump(self) -> None:
        self._pumping = None
        for peer in tuple(self._watchers):
            peer.pump()


@implementer(IFileDescriptorReceiver)
class ControlPeer(Protocol):
    """One connection to the control socket; also the producer (IPushProducer) of what is written to it.

    For a launcher it is the lease on what the daemon does for its agent.
    """

    _log = Logger()

    def __init__(self, server: ControlServer) -> None:
        self.rights = Rights(may_watch=False, may_decide=False, why="not judged yet")
        self.tenant = Tenant(server.backend, self, lambda: server.spare_descriptors(self))
        self._server = server
        self._connection = ServerConnection()
        self._peer: PeerLike | None = None
        self._role = ""
        self._pid = 0
        self._attended = False
        # Number of the newest event this watcher has been sent, None while it does not watch.
        self._place: int | None = None
        # Whether the peer's transport is full, and whether we stopped reading from it.
        self._full = False
        self._unread = False
        self._timer: Call | None = None
        self._later: Call | None = None
        self._slice_began = 0.0
        self._slice_used = 0
        # How to give up what is answered later.
        self._asked: dict[object, Callable[[], None]] = {}

    # Twisted's side

    def connectionMade(self) -> None:
        """Judge who connected, and let them speak or tell them why not."""
        wire = self._wire()
        wire.registerProducer(self, streaming=True)
        try:
            self._peer = self._server.identify(wire)
        except OSError as error:
            self.rights = Rights(may_watch=False, may_decide=False, why=f"it can't be told who asks: {error.strerror}")
        else:
            facts = self._peer.facts()
            self._pid = facts.pid
            self.rights = self._server.judge(facts)
        why = self._server.admit(self)
        if why:
            self.refuse(why)
            return
        self._timer = self._server.clock.callLater(HELLO_TIMEOUT, self._give_up)

    def dataReceived(self, data: bytes) -> None:
        """Take what arrived, and answer as much of it as is this peer's turn."""
        if self._connection.state is State.CLOSED:
            return
        self._connection.receive(data)
        self._work()

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """Keep a descriptor for the frame that it came with; Twisted brings it before the bytes."""
        if self._connection.state is not State.OPEN or not self.rights.may_contain:
            close_all((descriptor,))
            return
        why = self.tenant.take(descriptor)
        if why:
            self.refuse(why)
        elif self._timer is None:
            self._timer = self._server.clock.callLater(HELLO_TIMEOUT, self._give_up)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget everything about the peer."""
        del reason
        self._connection.close()
        self._retire()
        self._stop_timer()
        self._server.dismiss(self)

    def pauseProducing(self) -> None:
        """The peer does not keep up: write nothing more, read nothing more."""
        self._full = True
        self._stop_reading()

    def resumeProducing(self) -> None:
        """The peer has caught up."""
        self._full = False
        if self._connection.state is not State.CLOSED:
            self._work()
            self.pump()

    def stopProducing(self) -> None:
        """The connection is gone; `connectionLost` follows."""
        self._full = True

    # The server's side

    def pump(self) -> None:
        """Push what this watcher has not seen, as far as it keeps up."""
        bus = self._server.backend.bus
        while (place := self._wants_events()) is not None and place < bus.last_seq:
            missed, events = bus.following(place, _BATCH)
            if missed is not None:
                self._place = missed.last
                self._send(frames.Gap(missed.first, missed.last))
            for event in events if missed is None else ():
                if self._wants_events() is None:
                    break
                self._place = event.seq
                self._send(frames.Push(fit_event(event)))

    def _wants_events(self) -> int | None:
        """Where the watcher stands; `None` while it does not watch or keep up."""
        return None if self._full else self._place

    def refuse(self, why: str) -> None:
        """End the conversation and say why; a peer that does not take it is cut off."""
        if self._connection.state is State.CLOSED:
            return
        self._send(frames.Refused(why))
        self._hang_up()

    def order(self, order: Order) -> None:
        """Have the launcher at the other end do something."""
        if self._connection.state is State.OPEN:
            self._send(frames.Ordered(order))

    def cut(self) -> None:
        """End the connection at once."""
        self._wire().abortConnection()

    # The conversation

    def _work(self) -> None:
        """Answer frames until there are none, it is another's turn, or the peer does not take the answers."""
        while not self._full and self._connection.state is not State.CLOSED:
            if not self._has_turn():
                return
            try:
                frame = self._connection.next_frame()
            except RemoteProtocolError as error:
                self._end(str(error))
                return
            if frame is None:
                self._start_reading()
                return
            self._slice_used += 1
            self._hear(frame)

    def _has_turn(self) -> bool:
        """Whether the peer has frames left in its slice of time; if not, stop reading until the next."""
        now = self._server.clock.seconds()
        if now - self._slice_began >= _SLICE_SECONDS:
            self._slice_began, self._slice_used = now, 0
        if self._slice_used < _SLICE:
            return True
        self._stop_reading()
        if self._later is None:
            delay = max(self._slice_began + _SLICE_SECONDS - now, 0)
            self._later = self._server.clock.callLater(delay, self._go_on)
        return False

    def _go_on(self) -> None:
        # The next slice begins because the call came, not because the clock is compared: sums of floats fall short.
        self._later = None
        self._slice_began, self._slice_used = self._server.clock.seconds(), 0
        self._work()

    def _hear(self, frame: frames.ClientFrame) -> None:
        if self.tenant.waiting and not isinstance(frame, frames.Contain):
            self.refuse("descriptors belong to a frame of type contain, and to nothing else")
            return
        if self.tenant.waiting:
            self._stop_timer()
        match frame:
            case frames.Hello():
                self._greet(frame)
            case frames.Subscribe():
                self._subscribe(frame)
            case frames.Unsubscribe():
                self._place = None
                self._server.stop_watching(self)
                self._reply(frame.id, frames.Ok())
            case frames.AskContainment() | frames.Contain() | frames.ReportDenial():
                self._lease(frame)
            case _:
                self._perform(frame)

    def _greet(self, hello: frames.Hello) -> None:
        if hello.protocol != PROTOCOL:
            self.refuse(f"this daemon speaks version {PROTOCOL} of the control protocol, not {hello.protocol}")
            return
        if hello.role not in _ROLES:
            self.refuse("role is one of dashboard, command")
            return
        self._stop_timer()
        self._role = hello.role
        backend = self._server.backend
        welcome = frames.Welcome(PROTOCOL, backend.version, backend.epoch, self.rights.may_decide, self.rights.why)
        self._send(welcome)
        # Whoever can't answer is nobody to wait for.
        if hello.role == "dashboard" and self.rights.may_decide:
            self._attended = True
            backend.attended(1)

    def _subscribe(self, request: frames.Subscribe) -> None:
        bus = self._server.backend.bus
        last = bus.last_seq
        if not (0 <= request.after <= MAX_NUMBER and 0 <= request.backlog <= MAX_NUMBER):
            self._reply(request.id, frames.Failed("bad_request", "after and backlog are counts of events"))
            return
        same = request.epoch == self._server.backend.epoch
        if same and request.after > last:
            self._reply(request.id, frames.Failed("bad_request", f"event {request.after} has not happened yet"))
            return
        self._reply(request.id, frames.Ok())
        self._place = max(last - min(request.backlog, bus.capacity), 0)
        if same and request.after < self._place:
            self._send(frames.Gap(request.after + 1, self._place))
        elif same:
            self._place = request.after
        self._server.start_watching(self)
        self.pump()

    def _lease(self, question: Leasing) -> None:
        facts = None
        if isinstance(question, frames.Contain) and self._peer is not None:
            facts = self._peer.facts()
            now = self._server.judge(facts)
            if not now.may_contain or not now.may_decide:
                self._lower(now)
        self._reply(question.id, self.tenant.answer(question, self.rights, facts))

    def _perform(self, question: Question) -> None:
        if decides(question):
            self._judge_again()
            if not self.rights.may_decide:
                self._reply(question.id, frames.Failed("forbidden", f"you may watch but not decide: {self.rights.why}"))
                return
        if len(self._asked) >= MAX_LATER and isinstance(question, Slow):
            self._reply(question.id, frames.Failed("unavailable", "ask again when the earlier questions are answered"))
            return
        number = object()
        answered = False

        def reply(result: frames.Result) -> None:
            nonlocal answered
            answered = True
            self._asked.pop(number, None)
            self._reply(question.id, result)

        give_up = start(self._server.backend, question, f"{self._role} (pid {self._pid})", reply)
        if give_up is not None and not answered:
            self._asked[number] = give_up

    def _judge_again(self) -> None:
        """Look at the peer once more: an agent may have become known since. A right that was lost stays lost."""
        if not self.rights.may_decide or self._peer is None:
            return
        now = self._server.judge(self._peer.facts())
        if not now.may_decide:
            self._lower(now)

    def _lower(self, now: Rights) -> None:
        """Take away what is no longer its right."""
        self.rights = msgspec.structs.replace(
            now,
            may_decide=self.rights.may_decide and now.may_decide,
            may_contain=self.rights.may_contain and now.may_contain,
            inside=self.rights.inside or now.inside,
            shared=self.rights.shared or now.shared,
        )
        if not self.rights.may_decide:
            self._leave_post()

    def _reply(self, number: int, result: frames.Result) -> None:
        if self._connection.state is State.CLOSED:
            return
        try:
            self._send(frames.Reply(number, result))
        except LocalProtocolError as error:
            self._log.error("a reply could not be sent: {error}", error=error)
            self._send(frames.Reply(number, frames.Failed("failed", "the answer can't be put into a frame")))

    def _send(self, frame: frames.ServerFrame) -> None:
        self._wire().write(self._connection.send(frame))

    def _end(self, why: str) -> None:
        """The peer broke the protocol; our half of the conversation is closed already, so it can't say why."""
        self._wire().write(ServerConnection().send(frames.Refused(why)))
        self._hang_up()

    def _hang_up(self) -> None:
        """Close when the last words are written, or in a while if the peer does not take them."""
        self._retire()
        wire = self._wire()
        wire.unregisterProducer()
        wire.loseConnection()
        self._stop_timer()
        self._timer = self._server.clock.callLater(HELLO_TIMEOUT, self._run_out)

    def _give_up(self) -> None:
        self._timer = None
        self.refuse(f"nothing was said for {HELLO_TIMEOUT:g} s")

    def _run_out(self) -> None:
        self._timer = None
        self.cut()

    def _retire(self) -> None:
        """Stop doing anything for the peer. It counts as a connection until it is gone."""
        self._place = None
        self._server.stop_watching(self)
        self._leave_post()
        for give_up in tuple(self._asked.values()):
            give_up()
        self._asked.clear()
        self.tenant.end()
        if self._peer is not None:
            self._peer.close()
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_reading(self) -> None:
        if not self._unread:
            self._unread = True
            self._wire().pauseProducing()

    def _start_reading(self) -> None:
        if self._unread:
            self._unread = False
            self._wire().resumeProducing()

    def _wire(self) -> Wire:
        return cast("Wire", cast("object", self.transport))

    def _leave_post(self) -> None:
        if self._attended:
            self._attended = False
            self._server.backend.attended(-1)
