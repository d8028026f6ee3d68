"""What request redaction can replace: its classes, which of two wins where they overlap, and the rules behind each.

A credential class uses the very rules that look for credentials, so that what is redacted and what is found agree;
what is no credential (addresses, hashes, names) has rules of its own in `rules/redaction/`.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import NamedTuple

from pipelock.detect.ruleset import Rule, RuleSet
from pipelock.detect.suffixes import has_public_suffix

__all__ = ["CLASSES", "KnownClass", "believed", "rules_of"]


class KnownClass(NamedTuple):
    """A class: the higher `priority` wins an overlap; `credentials` names rules of the credential family."""

    priority: int
    credentials: tuple[str, ...] = ()


_TOKEN = 100

CLASSES: dict[str, KnownClass] = {
    "aws-access-key": KnownClass(_TOKEN, ("AWS Access ID",)),
    "aws-secret-key": KnownClass(_TOKEN, ("AWS Secret Key",)),
    "google-api-key": KnownClass(_TOKEN, ("Google API Key",)),
    "github-token": KnownClass(_TOKEN, ("GitHub Token", "GitHub Fine-Grained PAT")),
    "slack-token": KnownClass(_TOKEN, ("Slack Token", "Slack App Token")),
    "jwt": KnownClass(_TOKEN, ("JWT Token",)),
    "ssh-private-key": KnownClass(_TOKEN),
    "gitlab-token": KnownClass(
        _TOKEN,
        (
            "GitLab PAT",
            "GitLab Deploy Token",
            "GitLab CI Job Token",
            "GitLab Pipeline Trigger Token",
            "GitLab OAuth Application Secret",
            "GitLab SCIM Token",
            "GitLab Runner Token",
            "GitLab Service Token",
        ),
    ),
    "fireworks-api-key": KnownClass(_TOKEN, ("Fireworks API Key",)),
    "huggingface-token": KnownClass(_TOKEN, ("Hugging Face Token",)),
    "replicate-api-token": KnownClass(_TOKEN, ("Replicate API Token",)),
    "together-ai-key": KnownClass(_TOKEN, ("Together AI Key",)),
    "hashicorp-vault-token": KnownClass(_TOKEN, ("HashiCorp Vault Token",)),
    "vercel-token": KnownClass(_TOKEN, ("Vercel Token",)),
    "supabase-service-key": KnownClass(_TOKEN, ("Supabase Service Key",)),
    "databricks-token": KnownClass(_TOKEN, ("Databricks Token",)),
    "openai-api-key": KnownClass(_TOKEN, ("OpenAI API Key", "OpenAI Service Key")),
    "anthropic-api-key": KnownClass(_TOKEN, ("Anthropic API Key",)),
    "npm-token": KnownClass(_TOKEN, ("npm Token",)),
    "pypi-token": KnownClass(_TOKEN, ("PyPI Token",)),
    "linear-api-key": KnownClass(_TOKEN, ("Linear API Key",)),
    "notion-api-key": KnownClass(_TOKEN, ("Notion API Key",)),
    "sentry-auth-token": KnownClass(_TOKEN, ("Sentry Auth Token",)),
    "telegram-bot-token": KnownClass(_TOKEN),
    "discord-bot-token": KnownClass(_TOKEN, ("Discord Bot Token",)),
    "twilio-api-key": KnownClass(_TOKEN, ("Twilio API Key",)),
    "mailgun-api-key": KnownClass(_TOKEN, ("Mailgun API Key",)),
    "db-connection-string": KnownClass(
        _TOKEN,
        (
            "PostgreSQL Connection String",
            "MySQL Connection String",
            "MongoDB Connection String",
            "Redis Connection String",
        ),
    ),
    "azure-storage-key": KnownClass(_TOKEN, ("Azure Storage Account Key",)),
    "azure-sas-token": KnownClass(_TOKEN, ("Azure SAS Token",)),
    "seed-phrase": KnownClass(99),
    "env-secret": KnownClass(98),
    "ssn": KnownClass(95, ("Social Security Number",)),
    "ad-user": KnownClass(95),
    # Every credential rule that no class above has for itself; a class of its own wins.
    "credential": KnownClass(94),
    "hash-sha512": KnownClass(90),
    "credit-card": KnownClass(90, ("Credit Card Number",)),
    "hash-sha256": KnownClass(85),
    "hash-sha1": KnownClass(80),
    "hash-md5": KnownClass(75),
    "cidr": KnownClass(72),
    "ipv4": KnownClass(70),
    "ipv6": KnownClass(68),
    "mac": KnownClass(65),
    "email": KnownClass(60),
    "fqdn": KnownClass(50),
}
"""By name, as `redaction.profiles.*.classes` lists them."""

# The header alone is found where a key leaves; what is replaced is the whole block, which has a rule of its own.
_WHOLE_BLOCKS = frozenset({"Private Key Header"})


def rules_of(classes: tuple[str, ...]) -> list[tuple[str, Rule]]:
    """The rules of `classes`, each with its class. Names that are no class have none."""
    credentials = {rule.name: rule for rule in RuleSet.builtin("credentials").rules}
    own = RuleSet.builtin("redaction").rules
    found: list[tuple[str, Rule]] = []
    for name in dict.fromkeys(classes):
        named = CLASSES[name].credentials if name in CLASSES else ()
        found += [(name, credentials[one]) for one in named if one in credentials]
        found += [(name, rule) for rule in own if rule.kind == name]
    if "credential" in classes:
        taken = {one for known in CLASSES.values() for one in known.credentials} | _WHOLE_BLOCKS
        found += [("credential", rule) for rule in credentials.values() if rule.name not in taken]
        if "ssh-private-key" not in classes:
            found += [("credential", rule) for rule in own if rule.kind == "ssh-private-key"]
    return found


_WORD = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_DIGITS = frozenset(b"0123456789")
# Endings of file names that are top-level domains too; two labels with one of them are rather a file.
_FILE_ENDINGS = frozenset(
    """app as at be bz cab cc cfg do gz id in is it java js la md me mk ml mov name ne no pl pm ps py rs sc sh so st sy
    tf to ts vi ws zip""".split()  # noqa: SIM905 - a list of words
)
# Endings that no registry has and that the names of a company's own machines have; those are what must not leave.
_PRIVATE_ENDINGS = frozenset({"corp", "example", "home", "internal", "intranet", "lan", "local", "localdomain", "test"})
# Roots of the Windows registry, which look like a domain before a user.
_REGISTRY = frozenset({b"HKLM", b"HKCU", b"HKCR", b"HKU", b"HKCC", b"HKEY"})


def believed(kind: str, data: bytes, start: int, end: int) -> bool:
    """Whether the bytes from `start` to `end` of `data` are of class `kind`, judged by what stands around them too."""
    match kind:
        case "ipv4" | "cidr":
            return _stands_alone(data, start, end, b".") and (kind == "ipv4" or _is_network(data[start:end]))
        case "ipv6":
            return _stands_alone(data, start, end, b":") and _is_ipv6(data[start:end])
        case "mac":
            return _stands_alone(data, start, end, b":-.")
        case "fqdn":
            return _is_domain(data[start:end])
        case "ad-user":
            return data[start:end].partition(b"\\")[0] not in _REGISTRY
        case _:
            return True


def _stands_alone(data: bytes, start: int, end: int, glue: bytes) -> bool:
    """Neither part of a word nor, across one byte of `glue`, of a longer run of the same kind (1.2.3.4.5)."""
    before, after = data[max(0, start - 2) : start], data[end : end + 2]
    if (before and before[-1] in _WORD) or (after and after[0] in _WORD):
        return False
    joined_before = len(before) == 2 and before[1] in glue and before[0] in _WORD
    joined_after = len(after) == 2 and after[0] in glue and after[1] in _DIGITS
    return not joined_before and not joined_after


def _is_ipv6(data: bytes) -> bool:
    text = data.decode("ascii", "replace")
    try:
        IPv6Address(text)
    except ValueError:
        return False
    # `a::b` is an address to the letter, and a name in half of all programming languages.
    first = text.partition(":")[0]
    return text.count(":") >= 3 or not first or any(char.isdecimal() for char in first)


def _is_network(data: bytes) -> bool:
    address, _, _ = data.partition(b"/")
    return b":" not in address or _is_ipv6(address)


def _is_domain(data: bytes) -> bool:
    name = data.decode("ascii", "replace").lower()
    if name.count(".") == 1 and name.rpartition(".")[2] in _FILE_ENDINGS:
        return False
    return name.rpartition(".")[2] in _PRIVATE_ENDINGS or has_public_suffix(name)
