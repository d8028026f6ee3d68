"""What a person does to a session."""

from __future__ import annotations

from typing import Protocol, assert_never

import msgspec

from pipelock.engine.sessions._ledger import BY_HAND, Ledger
from pipelock.engine.sessions.account import Account
from pipelock.engine.sessions.airlock import set_by_hand
from pipelock.engine.sessions.changes import What
from pipelock.engine.sessions.rows import Row
from pipelock.model import Level, SessionActed, SessionVerb, Tier

__all__ = ["Wish", "act"]


class Wish(Protocol):
    """What an operator wants done; `pipelock.control.backend.SessionWish` is one. `by` says who."""

    @property
    def key(self) -> str:
        """The session's."""

    @property
    def verb(self) -> SessionVerb:
        """What to do."""

    @property
    def tier(self) -> Tier:
        """For `AIRLOCK`."""

    @property
    def label(self) -> str:
        """For `TASK`."""

    @property
    def reason(self) -> str:
        """Recorded with any."""

    @property
    def source_match(self) -> str:
        """For `TRUST`."""

    @property
    def action_match(self) -> str:
        """For `TRUST`."""

    @property
    def expires_at(self) -> float:
        """For `TRUST`; seconds since the epoch."""

    @property
    def by(self) -> str:
        """Who wishes."""


def act(ledger: Ledger, row: Row, account: Account, wish: Wish) -> SessionActed:
    """Do it, and remember that it was done.

    Raises:
        ValueError: an override of taint that can't be; with a sentence.
    """
    match wish.verb:
        case SessionVerb.AIRLOCK:
            acted = _set_tier(ledger, row, account, wish)
        case SessionVerb.RESET:
            acted = _reset(ledger, row, account, wish.verb)
        case SessionVerb.TERMINATE:
            acted = _reset(ledger, row, account, wish.verb)
            row.ended = True
            acted = msgspec.structs.replace(acted, ended=ledger.ended(row.key))
        case SessionVerb.TASK:
            acted = _begin_task(ledger, row, wish)
        case SessionVerb.TRUST:
            acted = _trust(ledger, row, wish)
        case _:
            assert_never(wish.verb)
    detail = f"{wish.verb.value} by {wish.by or 'the operator'}"
    ledger.remember(account, "operator", wish.verb.value, f"{detail}: {wish.reason}" if wish.reason else detail)
    ledger.accounts.settle(account)
    return acted


def _set_tier(ledger: Ledger, row: Row, account: Account, wish: Wish) -> SessionActed:
    before = account.tier
    why = wish.reason[:200] or "set by the operator"
    set_by_hand(account, wish.tier, why, ledger.settings.airlock or BY_HAND, ledger.now)
    if before is not account.tier:
        rose = account.tier.rank > before.rank
        ledger.tier_moved(What.AIRLOCK if rose else What.AIRLOCK_ENDED, account, before, "operator", why)
    return SessionActed(
        key=row.key,
        verb=wish.verb,
        changed=before is not account.tier,
        previous_tier=before,
        new_tier=account.tier,
        previous_level=account.level,
        previous_score=account.score,
        ended=ledger.end_what_may_not_go_on(account),
    )


def _reset(ledger: Ledger, row: Row, account: Account, verb: SessionVerb) -> SessionActed:
    acted = SessionActed(
        key=row.key,
        verb=verb,
        previous_tier=account.tier,
        previous_level=account.level,
        previous_score=account.score,
        ip_state_cleared=account.key != row.key or row.key == row.client,
        cee_state_cleared=ledger.forget_pieces(row.client or row.key),
    )
    level, tier = account.level, account.tier
    account.reset()
    if level is not Level.NORMAL:
        ledger.level_moved(What.RECOVERY, account, level, "operator", "the operator has reset the session")
    if tier is not Tier.NONE:
        ledger.tier_moved(What.AIRLOCK_ENDED, account, tier, "operator", "the operator has reset the session")
    return acted


def _begin_task(ledger: Ledger, row: Row, wish: Wish) -> SessionActed:
    taints, key = ledger.taints, row.account
    before, _ = taints.task(key)
    was = taints.level(key)
    cleared = taints.begin_task(key, wish.label, wish.by, ledger.now + ledger.ahead)
    current, label = taints.task(key)
    return SessionActed(
        key=row.key,
        verb=wish.verb,
        previous_task_id=before,
        current_task_id=current,
        current_task_label=label,
        taint_cleared=was is not taints.level(key),
        runtime_overrides_cleared=cleared,
    )


def _trust(ledger: Ledger, row: Row, wish: Wish) -> SessionActed:
    ledger.taints.trust(
        row.account,
        source_match=wish.source_match,
        action_match=wish.action_match,
        expires_at=wish.expires_at,
        by=wish.by,
        reason=wish.reason,
        wall=ledger.now + ledger.ahead,
    )
    current, label = ledger.taints.task(row.account)
    return SessionActed(key=row.key, verb=wish.verb, current_task_id=current, current_task_label=label)
