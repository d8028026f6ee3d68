"""Write the quick form of the built-in rules anew, after a change to a file in pipelock/detect/rules/ or phrases/."""

from __future__ import annotations

from pipelock.detect.phrasebook import PHRASES, QUICK, pack_phrases
from pipelock.detect.ruleset import RULES, pack_rules


def main() -> None:
    """Pack every rules file, and say which were out of date."""
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


if __name__ == "__main__":
    main()
