"""Answers to prompts: what the keys of the panel do, in every view.

An answer is bound to the prompt as it was on the screen when the key was pressed. While the operator works on a
prompt the daemon is told so, and its countdown stands still.
"""

from __future__ import annotations

from pipelock.control import frames
from pipelock.control.aio import ControlError
from pipelock.model import Answer, AnswerWord, Lifetime, Offer, Pending, Scope
from pipelock_tui.desk import Prompt
from pipelock_tui.dialogs.menu import Menu
from pipelock_tui.dialogs.note import Note
from pipelock_tui.dialogs.question import Question
from pipelock_tui.pending.attention import Attention
from pipelock_tui.pending.choices import answered_words, choices, denial, lifetimes, offers_of, sentence
from pipelock_tui.pending.editor import EditError, Editor
from pipelock_tui.pending.lines import all_lines
from pipelock_tui.text import line
from pipelock_tui.views import Deed, Shell

__all__ = ["SAID", "Answering"]

SAID = 10.0
"""Seconds that a word about a key stands in the panel: what is asked afterwards has nothing to do with it."""
_MOVES = frozenset({"answer.previous", "answer.next", "answer.view"})


class Answering:
    """Carries out the answers.

    Attributes:
        editor: Lets the operator change a body.
        attention: Tells the daemon what the operator works on.
    """

    def __init__(self, shell: Shell, editor: Editor) -> None:
        self._shell = shell
        self.editor = editor
        self._said = ("", 0.0)
        self.attention = Attention(shell)
        allow, deny = AnswerWord.ALLOW, AnswerWord.DENY
        self.deeds: dict[str, Deed] = {
            "answer.once": lambda _: self._lasting("answer.once", allow, Lifetime.ONCE),
            "answer.session": lambda _: self._lasting("answer.session", allow, Lifetime.SESSION),
            "answer.forever": lambda _: self._lasting("answer.forever", allow, Lifetime.FOREVER),
            "answer.timed": lambda _: self._menu("answer.timed", allow),
            "answer.deny": lambda _: self._lasting("answer.deny", deny, Lifetime.ONCE),
            "answer.deny_rule": lambda _: self._menu("answer.deny_rule", deny),
            "answer.redact": lambda _: self._exactly("answer.redact", AnswerWord.REDACT),
            "answer.edit": lambda _: self._edit(),
            "answer.note": self._note,
            "answer.all": lambda _: self._all(),
            "answer.undo": lambda _: self._undo(),
            "answer.previous": lambda _: self._choose(-1),
            "answer.next": lambda _: self._choose(1),
            "answer.view": lambda _: self._shell.show("pending"),
        }

    def objection(self, action_id: str) -> str:
        """Why this answer can't be given now; that a prompt has only just appeared is said when the key is pressed."""
        desk = self._shell.board.desk
        if action_id == "answer.undo":
            return "" if desk.last is not None else "Nothing was answered here yet."
        if action_id == "answer.all":
            return "" if desk.harmless else "Nothing waits that may be allowed along with others."
        prompt, offer = desk.chosen, desk.offer
        if prompt is None or offer is None:
            return "Nothing waits for an answer."
        return "" if action_id in _MOVES else self._refused(prompt, offer, action_id)

    def _refused(self, prompt: Prompt, offer: Offer, action_id: str) -> str:
        number, state = prompt.pending.id, prompt.state(self._shell.clock.wall())
        if state:
            return f"#{number} can't be answered: {state}."
        choice = next((each for each in choices(prompt.pending, offer) if each.action == action_id), None)
        return f"#{number}: {choice.objection}." if choice is not None and choice.objection else ""

    @property
    def said(self) -> str:
        """The latest word to the operator about a key."""
        text, at = self._said
        return text if self._shell.clock.monotonic() - at < SAID else ""

    def say(self, text: str) -> None:
        """Tell the operator about a key: in the panel, or where it is closed, at the edge of the screen."""
        is_open = len(self._shell.board.desk) > 0
        self._said = (text if is_open else "", self._shell.clock.monotonic())
        if text and not is_open:
            self._shell.say(text, "warning")
        self._shell.draw()

    # -- choosing --------------------------------------------------------------------------------------------------

    def choose(self, key: str) -> None:
        """Choose a prompt by its key."""
        self._shell.board.desk.choose(key, self._shell.clock.monotonic())
        self.attention.look()
        self.say("")

    def widen(self, step: int) -> None:
        """Choose a wider or narrower scope for the chosen prompt."""
        if not self._shell.board.desk.widen(step):
            self.say("There is no wider scope." if step > 0 else "There is no narrower scope.")
            return
        self.attention.look()
        self.say("")

    def _choose(self, step: int) -> None:
        self._shell.board.desk.move(step, self._shell.clock.monotonic())
        self.attention.look()
        self.say("")

    # -- answering -------------------------------------------------------------------------------------------------

    def _armed(self) -> tuple[Pending, Offer] | None:
        """The chosen prompt and scope, if a key counts already; else says why not."""
        desk, clock = self._shell.board.desk, self._shell.clock
        objection = desk.pressed(clock.monotonic(), clock.wall())
        if objection:
            self.say(objection)
            return None
        prompt, offer = desk.chosen, desk.offer
        return None if prompt is None or offer is None else (prompt.pending, offer)

    def _lasting(self, action_id: str, word: AnswerWord, lifetime: Lifetime) -> None:
        chosen = self._armed()
        if chosen is None:
            return
        pending, offer = chosen
        if word is AnswerWord.DENY:
            offer = denial(pending, offer)
        self._give(pending, offer, Answer(word, offer.scope, lifetime), action_id)

    def _menu(self, action_id: str, word: AnswerWord) -> None:
        chosen = self._armed()
        if chosen is None:
            return
        pending, offer = chosen
        allow = word is AnswerWord.ALLOW
        times = lifetimes(offer, allow=allow)
        title = f" {'ALLOW' if allow else 'DENY'} #{pending.id} FOR HOW LONG? "

        def take(place: int | None) -> None:
            self.attention.release()
            if place is not None:
                self._give(pending, offer, Answer(word, offer.scope, times[place]), action_id)

        self.attention.hold(pending.id)
        clause = offer.allow if allow else offer.deny
        sentences = tuple(sentence(clause, each) for each in times)
        self._shell.cover(Menu(title, sentences, self._shell.clock.monotonic), take)

    def _give(self, pending: Pending, offer: Offer, answer: Answer, action_id: str) -> None:
        """Give the answer; one that lets through much more than what is shown is asked about once more."""
        if not offer.broad or answer.word is not AnswerWord.ALLOW:
            self._start(pending, answer)
            return
        words = sentence(offer.allow, answer.lifetime, offer.covers)

        def take(agreed: bool | None) -> None:  # noqa: FBT001 - the window's answer
            self.attention.release()
            if agreed:
                self._start(pending, answer)

        body = [line((words, "strong")), (), line("That is much more than what is shown. It is not asked about again.")]
        self.attention.hold(pending.id)
        offered = "allow all of it" if action_id != "answer.forever" else "allow all of it, for good"
        self._shell.cover(
            Question(f" ALLOW #{pending.id} SO WIDELY? ", body, offered, self._shell.clock.monotonic), take
        )

    def _exactly(self, action_id: str, word: AnswerWord) -> None:
        chosen = self._armed()
        if chosen is not None:
            pending = chosen[0]
            self._give(pending, offers_of(pending)[0], Answer(word, Scope.PAYLOAD, Lifetime.ONCE), action_id)

    def _note(self, argument: str) -> None:
        chosen = self._armed()
        if chosen is None:
            return
        pending = chosen[0]

        def deny(note: str | None) -> None:
            self.attention.release()
            if note is not None:
                self._start(pending, Answer(AnswerWord.DENY, note=note))

        if argument:
            deny(argument)
            return
        self.attention.hold(pending.id)
        self._shell.cover(Note(pending), deny)

    def _edit(self) -> None:
        chosen = self._armed()
        if chosen is not None:
            self.attention.hold(chosen[0].id)
            self._shell.start(self._edited(chosen[0]), "edit")

    async def _edited(self, pending: Pending) -> None:
        link = self._shell.link
        try:
            held = await link.ask(
                lambda number: frames.ReadBody(number, pending.id, pending.binding), frames.BodyReply, 5.0
            )
            changed = await self.editor(held.body, held.content_type)
        except ControlError as error:
            self.say(f"#{pending.id} can't be edited: {error.message}")
        except EditError as error:
            self.say(f"#{pending.id}: {error}.")
        else:
            if changed == held.body:
                self.say(f"#{pending.id}: the body is as it was; nothing was sent.")
            else:
                self._start(pending, Answer(AnswerWord.EDIT, body=changed))
        finally:
            self.attention.release()
            self._shell.board.desk.rearm(self._shell.clock.monotonic())

    def _all(self) -> None:
        desk = self._shell.board.desk
        shown = desk.harmless
        left_out = desk.waiting - len(shown)

        def take(agreed: bool | None) -> None:  # noqa: FBT001 - the window's answer
            if agreed:
                for pending in shown:
                    desk.send(pending.id, Answer(AnswerWord.ALLOW))
                self._shell.start(self._send_all(shown), "answer")

        title = f" ALLOW ALL {len(shown)} ONCE? "
        offer = f"allow these {len(shown)} once" if len(shown) > 1 else "allow it once"
        now = self._shell.clock.monotonic
        self._shell.cover(Question(title, all_lines(shown, left_out), offer, now), take)

    async def _send_all(self, shown: tuple[Pending, ...]) -> None:
        given, last = 0, ""
        for pending in shown:
            refused = await self._deliver(pending, Answer(AnswerWord.ALLOW))
            given, last = (given, refused) if refused else (given + 1, last)
        failed = f"; {len(shown) - given} were not: {last}" if last else ""
        self.say(f"{given} of {len(shown)} allowed once{failed}.")

    def _start(self, pending: Pending, answer: Answer) -> None:
        self._shell.board.desk.send(pending.id, answer)
        self.say("")
        self._shell.start(self._send(pending, answer), "answer")

    async def _send(self, pending: Pending, answer: Answer) -> None:
        refused = await self._deliver(pending, answer)
        if refused:
            self.say(f"#{pending.id} was not answered: {refused}")
            return
        done = self._shell.board.desk.last
        count = done.count if done is not None else 1
        twins = f" ({count} requests)" if count > 1 else ""
        self.say(f"#{pending.id} {answered_words(answer)}{twins}.")

    async def _deliver(self, pending: Pending, answer: Answer) -> str:
        """Tell the daemon; why it did not take the answer, empty where it did."""
        desk, clock = self._shell.board.desk, self._shell.clock
        try:
            done = await self._shell.link.answer(pending.id, answer, pending.binding)
        except ControlError as error:
            if error.code in {"stale", "not_found"}:
                desk.stale(pending.id, f"not answered: {error.message}", clock.monotonic())
            else:
                desk.unsend(pending.id)
            return error.message
        desk.answered(pending.id, answer, clock.monotonic(), grant=done.grant, count=done.count)
        return ""

    # -- taking back -----------------------------------------------------------------------------------------------

    def _undo(self) -> None:
        desk = self._shell.board.desk
        last = desk.last
        if last is None:
            return
        desk.undone()
        if last.grant is None:
            self.say(f"#{last.pending_id} {last.words}: that happened already and can't be taken back.")
        else:
            self._shell.start(self._revoke(last.pending_id, last.words, last.grant.id), "undo")

    async def _revoke(self, pending_id: str, words: str, grant: str) -> None:
        try:
            done = await self._shell.link.ask(lambda number: frames.RevokeGrant(number, grant), frames.Ok, 5.0)
        except ControlError as error:
            self.say(f"#{pending_id} {words}: not taken back: {error.message}")
        else:
            gone = "What went through already stays through."
            self.say(f"#{pending_id} {words}: taken back. {done.detail or gone}")
