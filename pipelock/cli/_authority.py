"""What the verbs of `pipelock tls` do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from pipelock.cli._stores import Outcome, Workshop, outcome, this_machine
from pipelock.cli._trust import authority_files, find_setup
from pipelock.cli.errors import EXIT_FAILED, EXIT_OK, CommandError, UsageError
from pipelock.cli.output import complain, print_json
from pipelock.cli.table import Arguments
from pipelock.config.rules import ValueRuleError, parse_duration
from pipelock.control.paths import home_dir
from pipelock.model import escape
from pipelock.tls.authority import (
    CERTIFICATE_FILE,
    KEY_FILE,
    OLD_FILE,
    VALIDITY,
    Authority,
    AuthorityError,
    read_certificates,
)
from pipelock.tls.certificates import problem_with
from pipelock.tls.files import Sensitivity, write_file
from pipelock.tls.receipt import Entry, Receipt
from pipelock.tls.stores import Store, find_stores, name_in_stores, prefix_of
from pipelock.trust.bundle import renew

__all__ = ["VERBS", "print_outcome", "take_out_all"]

_LONGEST = timedelta(days=3650)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An authority, for people and programs. Times are ISO 8601; `problem` is empty for one that can be used."""

    certificate: str
    key: str
    subject: str
    sha256: str
    not_before: str
    not_after: str
    problem: str = ""
    installed: tuple[Entry, ...] = ()


def _files(arguments: Arguments) -> tuple[Path, Path]:
    return authority_files(find_setup(arguments).config, home_dir(os.environ, arguments.home))


_AND_NOW = "programs trust it after `pipelock tls install-ca`, or with the variables of `pipelock env --ca`"
_AND_ELSEWHERE = "the daemon signs with it where tls_interception.ca_cert and tls_interception.ca_key name these files"


# -- making and showing ------------------------------------------------------------------------------------------------


def _init(arguments: Arguments) -> int:
    if arguments.out is not None:
        certificate, key = arguments.out / CERTIFICATE_FILE, arguments.out / KEY_FILE
    else:
        certificate, key = _files(arguments)
    made = _create(arguments, certificate, key, replace=arguments.force)
    if arguments.out is None:
        renew(home_dir(os.environ, arguments.home), str(certificate), os.environ)
    if arguments.json:
        print_json(_shown(made.certificate, certificate, key))
    else:
        _print_authority(_shown(made.certificate, certificate, key))
        print(_AND_NOW if arguments.out is None else _AND_ELSEWHERE)
    return EXIT_OK


def _create(arguments: Arguments, certificate: Path, key: Path, *, replace: bool) -> Authority:
    try:
        validity = timedelta(seconds=parse_duration(arguments.validity)) if arguments.validity else VALIDITY
    except ValueRuleError as error:
        raise UsageError(f"--validity: {error}") from error
    if not timedelta(hours=1) <= validity <= _LONGEST:
        raise UsageError("--validity: an authority is valid for 1h to 87600h, which is ten years")
    organisation = arguments.org or "Pipelock"
    return Authority.create(certificate, key, organisation=organisation, validity=validity, replace=replace)


def _show(arguments: Arguments) -> int:
    certificate, key = _files(arguments)
    if arguments.cert is not None:
        certificate, key = arguments.cert, Path()
    first = _certificate(certificate)
    if arguments.pem:
        sys.stdout.write(_pem(first).decode("ascii"))
        return EXIT_OK
    receipt = Receipt(home_dir(os.environ, arguments.home))
    installed = tuple(entry for entry in receipt.entries if entry.sha256 == _sha256(first))
    shown = msgspec.structs.replace(
        _shown(first, certificate, key), problem=_problem(first, certificate, key), installed=installed
    )
    if arguments.json:
        print_json(shown)
    else:
        _print_authority(shown)
    return EXIT_FAILED if shown.problem else EXIT_OK


def _certificate(path: Path) -> x509.Certificate:
    if not path.exists():
        raise CommandError(f"there is no authority in {path} yet; `pipelock tls init` makes one")
    return read_certificates(path)[0]


def _problem(first: x509.Certificate, certificate: Path, key: Path) -> str:
    if key == Path():
        return problem_with(first, datetime.now(UTC))
    try:
        Authority.load(certificate, key)
    except AuthorityError as error:
        return str(error)
    return ""


def _shown(first: x509.Certificate, certificate: Path, key: Path) -> Shown:
    return Shown(
        certificate=str(certificate),
        key="" if key == Path() else str(key),
        subject=first.subject.rfc4514_string(),
        sha256=_sha256(first),
        not_before=first.not_valid_before_utc.isoformat(),
        not_after=first.not_valid_after_utc.isoformat(),
    )


def _print_authority(shown: Shown) -> None:
    pairs = [shown.sha256[i : i + 2].upper() for i in range(0, 64, 2)]
    print(f"authority    {escape(shown.subject, 200)}")
    print(f"SHA-256      {':'.join(pairs[:16])}\n             {':'.join(pairs[16:])}")
    print(f"valid        {shown.not_before[:10]} to {shown.not_after[:10]}")
    print(f"certificate  {escape(shown.certificate)}")
    if shown.key:
        print(f"key          {escape(shown.key)}")
    for entry in shown.installed:
        print(f"installed    {escape(entry.label, 80)}: {escape(entry.place)} as {escape(entry.name, 80)}")
    if shown.problem:
        print(f"problem      {escape(shown.problem, 300)}")


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _sha256(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


# -- stores ------------------------------------------------------------------------------------------------------------


def _install(arguments: Arguments) -> int:
    certificate, _ = _files(arguments)
    first = _certificate(arguments.cert or certificate)
    problem = problem_with(first, datetime.now(UTC))
    if problem:
        raise CommandError(f"{arguments.cert or certificate}: {problem}")
    stores, notes = find_stores(arguments.store or "system", this_machine())
    workshop = Workshop(dry=arguments.dry_run)
    receipt = Receipt(home_dir(os.environ, arguments.home))
    name = name_in_stores(home_dir(os.environ, arguments.home), first.fingerprint(hashes.SHA256()))
    outcomes = [_put_in(store, first, name, workshop, receipt) for store in stores]
    if not outcomes and not notes:
        notes = ["there is no such store on this machine, or for this user"]
    return _tell(arguments, outcomes, notes)


def _put_in(store: Store, certificate: x509.Certificate, name: str, workshop: Workshop, receipt: Receipt) -> Outcome:
    entry = Entry(kind=store.kind, place=store.place, label=store.label, name=name, sha256=_sha256(certificate))
    is_there = workshop.holds(store, name)
    if not workshop.dry:
        # Before it is done: a receipt for nothing is harmless, an installation without one is not.
        receipt.add(entry, _pem(certificate))
    if is_there:
        return outcome(store, "there")
    return workshop.take(store, store.install(name, receipt.copy(name)))


def _remove(arguments: Arguments) -> int:
    outcomes = take_out_all(home_dir(os.environ, arguments.home), arguments.store or "all", dry=arguments.dry_run)
    if not outcomes and not arguments.json:
        print("nothing of ours is installed")
    return _tell(arguments, outcomes, [])


def take_out_all(home: Path, kind: str, *, dry: bool) -> list[Outcome]:
    """Take what `install-ca` put in out of all stores of a kind, or of all kinds (`all`).

    Raises:
        ReceiptError: what was put in where can't be read.
    """
    receipt, workshop = Receipt(home), Workshop(dry=dry)
    stores, _ = find_stores(kind, this_machine())
    wanted = [entry for entry in receipt.entries if kind in ("all", entry.kind)]
    outcomes = [_take_out(entry, stores, workshop, receipt) for entry in wanted]
    return outcomes + _take_out_orphans(home, stores, workshop, receipt)


def _take_out(entry: Entry, stores: list[Store], workshop: Workshop, receipt: Receipt) -> Outcome:
    """Undo one entry. What is gone already is only forgotten."""
    store = next((store for store in stores if (store.kind, store.place) == (entry.kind, entry.place)), None)
    if store is None:
        if not Path(entry.place).exists():
            _forget(entry, workshop, receipt)
            return Outcome(entry.kind, entry.place, entry.label, "there")
        error = "the program that changes this store was not found"
        return Outcome(entry.kind, entry.place, entry.label, "failed", error=error)
    if store.can_look and not workshop.holds(store, entry.name):
        done = outcome(store, "there")
    else:
        done = workshop.take(store, store.remove(entry.name, receipt.copy(entry.name)))
    if done.status in {"done", "there"}:
        _forget(entry, workshop, receipt)
    return done


def _forget(entry: Entry, workshop: Workshop, receipt: Receipt) -> None:
    if not workshop.dry:
        receipt.drop(entry)


def _take_out_orphans(home: Path, stores: list[Store], workshop: Workshop, receipt: Receipt) -> list[Outcome]:
    """What is ours by its name and in no receipt: a home that was deleted and made again left it behind."""
    known = {(entry.kind, entry.place, entry.name) for entry in receipt.entries}
    return [
        workshop.take(store, store.remove(name, receipt.copy(name)))
        for store in stores
        for name in workshop.names(store)
        if name.startswith(prefix_of(home)) and (store.kind, store.place, name) not in known
    ]


def _tell(arguments: Arguments, outcomes: list[Outcome], notes: list[str]) -> int:
    """Say what became of it; 1 if something is left to do or nothing could be done at all."""
    if arguments.json:
        print_json({"stores": outcomes, "notes": notes})
    else:
        for one in outcomes:
            print_outcome(one, arguments.what)
        for note in notes:
            complain(note)
    is_well = all(one.is_well for one in outcomes) and not (notes and not outcomes)
    return EXIT_OK if is_well else EXIT_FAILED


_WORDS = {
    "done": "done",
    "there": "nothing to do",
    "planned": "would run",
    "needs_root": "needs root; run",
    "failed": "failed",
}


def print_outcome(one: Outcome, what: str) -> None:
    """Print what became of a store; `what` is the verb of `pipelock tls`."""
    print(f"{escape(one.label, 80)} ({escape(one.place)}): {_WORDS[one.status]}")
    for command in one.commands:
        print(f"    {escape(command)}")
    if one.error:
        print(f"    {escape(one.error, 400)}")
    if one.status == "needs_root" and what == "remove-ca":
        print("    then run this again: it forgets what is gone")


# -- replacing ---------------------------------------------------------------------------------------------------------


def _rotate(arguments: Arguments) -> int:
    certificate, key = _files(arguments)
    if arguments.finish:
        return _finish(arguments, certificate)
    old = _certificate(certificate)
    home = home_dir(os.environ, arguments.home)
    receipt = Receipt(home)
    places = {(entry.kind, entry.place) for entry in receipt.entries}
    if arguments.dry_run:
        print(f"would replace {escape(str(certificate))} and install the new one in {len(places)} stores")
        return EXIT_OK
    write_file(certificate.with_name(OLD_FILE), _pem(old), Sensitivity.CERTIFICATE)
    made = _create(arguments, certificate, key, replace=True)
    renew(home, str(certificate), os.environ)
    stores, _ = find_stores("all", this_machine())
    workshop = Workshop(dry=False)
    name = name_in_stores(home, made.fingerprint)
    outcomes = [
        _put_in(store, made.certificate, name, workshop, receipt)
        for store in stores
        if (store.kind, store.place) in places
    ]
    if not arguments.json:
        _print_authority(_shown(made.certificate, certificate, key))
        print("`pipelock reload` has the daemon sign with it; programs that run already may need a restart to trust it")
        print("when all do, `pipelock tls rotate --finish` has the old one trusted no more")
    return _tell(arguments, outcomes, [])


def _finish(arguments: Arguments, certificate: Path) -> int:
    """Take every authority but the current one out of the stores."""
    current = _sha256(_certificate(certificate))
    receipt, workshop = Receipt(home_dir(os.environ, arguments.home)), Workshop(dry=arguments.dry_run)
    stores, _ = find_stores("all", this_machine())
    older = [entry for entry in receipt.entries if entry.sha256 != current]
    outcomes = [_take_out(entry, stores, workshop, receipt) for entry in older]
    if not arguments.dry_run and all(one.is_well for one in outcomes):
        certificate.with_name(OLD_FILE).unlink(missing_ok=True)
        renew(home_dir(os.environ, arguments.home), str(certificate), os.environ)
    if not outcomes and not arguments.json:
        print("no older one is installed anywhere")
    return _tell(arguments, outcomes, [])


VERBS: dict[str, Callable[[Arguments], int]] = {
    "init": _init,
    "show-ca": _show,
    "install-ca": _install,
    "remove-ca": _remove,
    "rotate": _rotate,
}
"""By name. They raise `AuthorityError`, `ReceiptError` and `OSError`, which `pipelock.cli.tls` puts into words."""
