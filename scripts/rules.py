"""Write the quick form of the built-in rules anew, after a change to a file in pipelock/detect/rules/."""

from __future__ import annotations

from pipelock.detect.ruleset import RULES, pack_rules


def main() -> None:
    """Pack every rules file, and say which were out of date."""
    for path in sorted(RULES.glob("*/*.yaml")):
        packed = pack_rules(path.read_bytes(), path.name)
        target = path.with_suffix(".json")
        if not target.exists() or target.read_bytes() != packed:
            target.write_bytes(packed)
            print(f"{target.relative_to(RULES)} was written anew")


if __name__ == "__main__":
    main()
