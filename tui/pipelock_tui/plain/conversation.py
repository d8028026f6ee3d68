"""Turns what happens into lines, and typed lines into what is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from pipelock.control import frames
from pipelock.control.aio import Connected, ControlError, Disconnected
from pipelock.model import MAX_EDIT, Answer, AnswerWord, Event, Held, Pending, escape
from pipelock_tui.board import Board
from pipelock_tui.desk import covers
from pipelock_tui.facts import banner_lines, clearing_lines, kill_sources
from pipelock_tui.pending.choices import answered_words
from pipelock_tui.plain.answers import TypedError, read_answer
from pipelock_tui.plain.oversight import Oversight
from pipelock_tui.plain.printing import decision_line, page, prompt_lines, status_line
from pipelock_tui.ports import Clock, Item, Watch
from pipelock_tui.reading import UnreadableError, read_small
from pipelock_tui.text import plain

__all__ = ["MAX_COMMAND", "Command", "Conversation"]

MAX_COMMAND = 1_000
"""Longest command line, in characters; a longer one is refused."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `does` are the dashboard's actions that it stands for."""

    usage: str
    words: str
    run: Callable[[str], Awaitable[list[str]]]
    does: tuple[str, ...] = ()


class Conversation:
    """Prints what happens and obeys what is typed. `write` prints one line, without its line feed."""

    def __init__(self, link: Watch, write: Callable[[str], None], clock: Clock | None = None) -> None:
        self._link = link
        self._write = write
        self._clock = clock or Clock()
        self.board = Board(self._clock)
        self._printed: dict[str, Pending] = {}
        self._oversight = Oversight(link, self.board, self._clock)
        self.commands = self._table()

    async def show(self, item: Item) -> None:
        """Print what happened."""
        change = self.board.absorb([item])
        for row in change.rows:
            self._write(decision_line(row, self._clock))
        if isinstance(item, Connected):
            self._write(f"● connected to daemon {escape(item.welcome.version)}; type help for the commands")
            await self._learn()
            self._banner()
        elif isinstance(item, Disconnected):
            self._banner()
        elif isinstance(item, Event) and isinstance(item.payload, Held):
            self._print_new()

    async def obey(self, typed: str) -> bool:
        """Carry out a command line; returns whether the conversation is over."""
        if len(typed) > MAX_COMMAND:
            self._write(f"✗ a command has at most {MAX_COMMAND} characters; nothing was done")
            return False
        word, _, rest = typed.strip().partition(" ")
        rest = rest.strip()
        if word in {"q", "quit"}:
            return True
        command = self.commands.get(word)
        if command is None:
            if word:
                self._write(f"✗ unknown command; there are: {', '.join(self.commands)}, q")
            return False
        try:
            for line in await command.run(rest):
                self._write(escape(line, 4096))
        except ControlError as error:
            self._write(f"✗ not done: {escape(error.message)}")
        except TypedError as error:
            self._write(f"✗ {escape(str(error))}")
        return False

    def _table(self) -> dict[str, Command]:
        look = self._oversight

        def answer(name: str) -> Callable[[str], Awaitable[list[str]]]:
            return lambda rest: self._answer(name, rest)

        return {
            "a": Command("a ID [SCOPE] [yes]", "allow once", answer("a"), ("answer.once",)),
            "s": Command("s ID [SCOPE]", "allow for this session", answer("s"), ("answer.session",)),
            "t": Command("t ID TIME [SCOPE]", "allow for 5m, 1h, 12h or restart", answer("t"), ("answer.timed",)),
            "F": Command("F ID [SCOPE]", "allow for good", answer("F"), ("answer.forever",)),
            "d": Command("d ID [NOTE]", "deny once; the agent reads the note", answer("d"),
                         ("answer.deny", "answer.note")),
            "D": Command("D ID TIME [SCOPE] [NOTE]", "deny, and go on denying", answer("D"), ("answer.deny_rule",)),
            "r": Command("r ID", "send it without what was noticed", answer("r"), ("answer.redact",)),
            "body": Command("body ID", "print the body as it would be sent, unmasked", self._body, ("answer.edit",)),
            "e": Command("e ID FILE", "send this file's text instead of the body", self._edit, ("answer.edit",)),
            "A": Command("A [COUNT]", "allow all in which nothing was noticed, once", self._all, ("answer.all",)),
            "u": Command("u", "take back the last answer", self._undo, ("answer.undo",)),
            "list": Command("list", "what waits", self._list, ("answer.view",)),
            "sessions": Command("sessions", "all sessions, numbered", look.sessions),
            "session": Command("session KEY", "one session in full", look.session),
            "airlock": Command("airlock KEY none|soft|hard|drain yes", "close a session in, or release it",
                               look.airlock, ("sessions.hard", "sessions.release")),
            "reset": Command("reset KEY yes", "forget score, level and airlock", look.reset, ("sessions.reset",)),
            "terminate": Command("terminate KEY yes", "end it and its connections", look.terminate,
                                 ("sessions.terminate",)),
            "task": Command("task KEY [LABEL]", "a new task: taint is forgotten", look.task, ("sessions.task",)),
            "trust": Command("trust KEY SOURCE ACTION", "trust its task for an hour", look.trust, ("sessions.trust",)),
            "search": Command("search [QUERY]", "search the history", look.search,
                              ("traffic.filter", "traffic.search", "traffic.export")),
            "more": Command("more", "the search's next page", look.more, ("traffic.search",)),
            "fix": Command("fix ACTION [DAYS [FINDING]]", "how to keep a refusal from happening again", look.fix,
                           ("traffic.fix",)),
            "apply": Command("apply FIX", "write that", look.apply, ("traffic.fix",)),
            "rules": Command("rules [WORD]", "rules and their hits", look.rules, ("rules.filter",)),
            "grants": Command("grants", "answers that hold", look.grants),
            "revoke": Command("revoke GRANT", "take one back", look.revoke, ("rules.remove",)),
            "unsuppress": Command("unsuppress ID", "take out a suppression", look.unsuppress, ("rules.remove",)),
            "review": Command("review", "take over approvals.yaml as it is", look.review, ("rules.review",)),
            "config": Command("config", "the file beside what is in force", look.config, ("config.compare",)),
            "reload": Command("reload [yes]", "put the file in force", self._reload, ("config.reload",)),
            "audit": Command("audit", "look through the audit log", look.audit, ("audit.verify",)),
            "doctor": Command("doctor", "what is wrong", look.doctor, ("doctor.run",)),
            "kill": Command("kill on|off|sources", "the kill switch", self._kill, ("kill.switch",)),
            "status": Command("status", "the daemon at a glance", self._status, ("shell.refresh",)),
            "help": Command("help", "this list", self._help, ("shell.help",)),
        }  # fmt: skip

    # -- prompts -----------------------------------------------------------------------------------------------------

    def _named(self, rest: str) -> tuple[Pending, str]:
        """The prompt that was printed under the number at the start of `rest`, and what follows."""
        number, _, rest = rest.partition(" ")
        objection = self.board.connection.objection
        if objection:
            raise TypedError(objection)
        pending = self._printed.get(number.removeprefix("#"))
        if pending is None:
            raise TypedError("no prompt with that number was shown; `list` shows what waits")
        return pending, rest.strip()

    async def _answer(self, command: str, rest: str) -> list[str]:
        pending, rest = self._named(rest)
        wanted = read_answer(command, rest, pending)
        if wanted.offer.broad and wanted.answer.word is AnswerWord.ALLOW and not wanted.sure:
            return [wanted.words, "That is much more than what is shown: put `yes` behind the command."]
        return [await self._give(pending, wanted.answer)]

    async def _give(self, pending: Pending, answer: Answer) -> str:
        done = await self._link.answer(pending.id, answer, pending.binding)
        self.board.desk.answered(pending.id, answer, self._clock.monotonic(), grant=done.grant, count=done.count)
        count = f", {done.count} requests" if done.count > 1 else ""
        grant = f", grant {done.grant.id}" if done.grant is not None else ""
        return f"✓ #{pending.id} {answered_words(answer)}{count}{grant}"

    async def _body(self, rest: str) -> list[str]:
        pending, _ = self._named(rest)
        reply = await self._link.ask(
            lambda number: frames.ReadBody(number, pending.id, pending.binding), frames.BodyReply, 5.0
        )
        return reply.body.decode(errors="replace").split("\n")

    async def _edit(self, rest: str) -> list[str]:
        pending, name = self._named(rest)
        if not pending.editable:
            raise TypedError("it has no text body that can be changed")
        if not name:
            raise TypedError("say which file holds the new body")
        return [await self._give(pending, Answer(AnswerWord.EDIT, body=_read(name)))]

    async def _all(self, rest: str) -> list[str]:
        if self.board.connection.objection:
            raise TypedError(self.board.connection.objection)
        shown = [each for each in self.board.desk.harmless if each.id in self._printed]
        if not shown:
            return ["nothing waits that may be allowed along with others"]
        if rest != str(len(shown)):
            what = [f"#{each.id} {each.action.method} {each.action.host} agent={each.action.agent}" for each in shown]
            return [*what, f"`A {len(shown)}` allows these {len(shown)} once"]
        return [await self._give(each, Answer(AnswerWord.ALLOW)) for each in shown]

    async def _undo(self, rest: str) -> list[str]:
        if rest:
            raise TypedError("nothing comes after u; it takes back the last answer")
        last = self.board.desk.last
        if last is None:
            raise TypedError("nothing was answered here yet")
        grant = last.grant
        if grant is None:
            self.board.desk.undone()
            return [f"✗ #{last.pending_id} {last.words}: that happened already and can't be taken back"]
        reply = await self._link.ask(lambda number: frames.RevokeGrant(number, grant.id), frames.Ok, 5.0)
        self.board.desk.undone()
        return [f"✓ #{last.pending_id} {last.words}: taken back. {reply.detail}"]

    async def _list(self, rest: str) -> list[str]:
        if rest:
            raise TypedError("nothing comes after list")
        await self._learn(again=True)
        return []

    # -- the daemon --------------------------------------------------------------------------------------------------

    async def _kill(self, rest: str) -> list[str]:
        if rest == "sources":
            return await self._oversight.sources("")
        if rest not in {"on", "off"}:
            raise TypedError("the kill switch is turned on or off; `kill sources` tells who holds it")
        state = await self._link.kill(rest == "on")
        self.board.kill = state
        held = ", ".join(kill_sources(state))
        lines = [f"■ KILL SWITCH ON, held by {held}" if state.active else "□ kill switch off"]
        if rest == "off":
            pid = self.board.status.pid if self.board.status else 0
            lines += page(clearing_lines(state, pid))
        return lines

    async def _reload(self, rest: str) -> list[str]:
        if rest not in {"", "yes"}:
            raise TypedError("only `yes` may come after reload")
        if rest != "yes":
            reply = await self._link.ask(frames.ReviewConfig, frames.ConfigReply, 30.0)
            if reply.review.weaker:
                return [*(f"! {words}" for words in reply.review.weaker), "`reload yes` puts it in force all the same"]
        return [f"✓ {(await self._link.reload()).detail or 'reloaded'}"]

    async def _status(self, rest: str) -> list[str]:
        if rest:
            raise TypedError("nothing comes after status")
        return [status_line(await self._link.status())]

    async def _help(self, rest: str) -> list[str]:
        if rest:
            raise TypedError("nothing comes after help")
        return [*(f"{each.usage}: {each.words}" for each in self.commands.values()), "q: quit"]

    # -- what waits --------------------------------------------------------------------------------------------------

    async def _learn(self, *, again: bool = False) -> None:
        """Ask what waits, and print what was not printed yet (all of it with `again`)."""
        revision = self.board.desk.revision
        try:
            self.board.learn(await self._link.status(), await self._link.pending(), revision)
        except ControlError as error:
            self._write(f"✗ could not ask what waits: {escape(error.message)}")
        if again:
            self._printed.clear()
        self._print_new()
        if again and not self._printed:
            self._write("nothing waits")

    def _print_new(self) -> None:
        """Print each prompt once, and anew when what an answer would cover has changed."""
        waiting = {prompt.pending.id: prompt.pending for prompt in self.board.desk.prompts if not prompt.ended}
        for number, pending in waiting.items():
            known = self._printed.get(number)
            if known is None or covers(known) != covers(pending):
                for line in prompt_lines(pending, self._clock):
                    self._write(line)
        self._printed = waiting
        self.board.desk.sweep(self._clock.monotonic())

    def _banner(self) -> None:
        board = self.board
        for line in banner_lines(board.connection, board.status, board.kill, self._clock.wall(), self._clock.zone):
            self._write(plain(line).strip())


def _read(name: str) -> bytes:
    """The text of a file that is small enough to be sent."""
    path = Path(name).expanduser()
    try:
        return read_small(path, MAX_EDIT)
    except FileNotFoundError as error:
        raise TypedError(f"{path} is not there; nothing was sent") from error
    except UnreadableError as error:
        raise TypedError(f"{error}; nothing was sent") from error
