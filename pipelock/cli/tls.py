"""`pipelock tls`: the certificate authority that signs for intercepted hosts, and who trusts it."""

from __future__ import annotations

from pipelock.cli.errors import CommandError, UsageError
from pipelock.cli.table import Arguments

__all__ = ["execute"]

_TAKES = {
    "init": ("config", "org", "validity", "out", "force", "json"),
    "show-ca": ("config", "cert", "pem", "json"),
    "install-ca": ("config", "cert", "store", "dry_run", "json"),
    "remove-ca": ("store", "dry_run", "json"),
    "rotate": ("config", "org", "validity", "finish", "dry_run", "json"),
}


def execute(arguments: Arguments) -> int:
    """One of `init`, `show-ca`, `install-ca`, `remove-ca`, `rotate`."""
    for name in sorted({name for names in _TAKES.values() for name in names}):
        if getattr(arguments, name) and name not in _TAKES[arguments.what]:
            raise UsageError(f"--{name.replace('_', '-')} does not go with `tls {arguments.what}`")
    # Imported here: it stands on OpenSSL, and whoever lists the commands does not need that.
    from pipelock.cli._authority import VERBS  # noqa: PLC0415
    from pipelock.tls.authority import AuthorityError  # noqa: PLC0415
    from pipelock.tls.receipt import ReceiptError  # noqa: PLC0415

    try:
        return VERBS[arguments.what](arguments)
    except (AuthorityError, ReceiptError, OSError) as error:
        raise CommandError(str(error)) from error
