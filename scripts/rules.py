"""Write the quick form of the built-in rules and the table of credentials anew, after a change to a rules file."""

from __future__ import annotations

from pathlib import Path

from pipelock.detect.phrasebook import PHRASES, QUICK, pack_phrases
from pipelock.detect.ruleset import RULES, Rule, load_rules, pack_rules

DOCUMENT = Path(__file__).parents[1] / "docs" / "credentials.md"
HEAD = "| name | severity | may go to |\n|---|---|---|\n"
MARK = "<!-- The rest is written by scripts/rules.py. -->\n"


def main() -> None:
    """Pack every rules file and the phrasebooks, list the credentials, and say which files were out of date."""
    for path in sorted(RULES.glob("*/*.yaml")):
        packed = pack_rules(path.read_bytes(), path.name)
        target = path.with_suffix(".json")
        if not target.exists() or target.read_bytes() != packed:
            target.write_bytes(packed)
            print(f"{target.relative_to(RULES)} was written anew")
    phrases = pack_phrases(PHRASES)
    if not (PHRASES / QUICK).exists() or (PHRASES / QUICK).read_bytes() != phrases:
        (PHRASES / QUICK).write_bytes(phrases)
        print(f"{PHRASES.name}/{QUICK} was written anew")
    text = DOCUMENT.read_text("utf-8")
    listed = listing(text)
    if listed != text:
        DOCUMENT.write_text(listed, "utf-8")
        print(f"{DOCUMENT.name} was written anew")


def listing(text: str) -> str:
    """The document `text` with its tables made anew from the rules files."""
    parts = [text.partition(MARK)[0] + MARK]
    for path in sorted((RULES / "credentials").glob("*.yaml")):
        source = path.read_text("utf-8")
        title = source.partition("\n")[0].removeprefix("# ").partition(".")[0]
        rows = [_row(rule) for rule in sorted(load_rules(source, path.name), key=lambda rule: rule.name.casefold())]
        parts.append(
            f"\n## {title}\n\n`{path.name}`\n\n| name | severity | may go to |\n|---|---|---|\n{''.join(rows)}"
        )
    return "".join(parts)


def _row(rule: Rule) -> str:
    severity = "a warning" if rule.warns else f"**{rule.severity}**" if rule.core else str(rule.severity)
    hosts = [f"`{host}`" for host in rule.audience]
    shown = ", ".join(hosts[:3]) + (f" and {len(hosts) - 3} more" if len(hosts) > 3 else "")
    return f"| {rule.name} | {severity} | {shown} |\n"


if __name__ == "__main__":
    main()
