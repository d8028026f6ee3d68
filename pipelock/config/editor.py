"""A JSON Schema of the file, for editors that complete and check YAML (draft 2020-12)."""

from __future__ import annotations

from typing import Any

import msgspec

from pipelock.config.kinds import DURATION_EXAMPLES
from pipelock.config.schema import Config

__all__ = ["json_schema"]


def json_schema() -> dict[str, Any]:
    """The schema as plain values, ready for JSON.

    It knows keys, types, words and ranges, and nothing of patterns, networks or rules between keys: `pipelock check`
    has the last word.
    """
    (root,), definitions = msgspec.json.schema_components([Config], ref_template="#/$defs/{name}")
    for definition in definitions.values():
        definition["additionalProperties"] = False
        definition["description"] = " ".join(definition["description"].split())
    _accept_short_forms(definitions)
    _durations_are_text(definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pipelock configuration",
        **root,
        "$defs": definitions,
    }


def _accept_short_forms(definitions: dict[str, Any]) -> None:
    """Values the loader takes in a second form: one method or a comma list, a watched path alone, an octal mode."""
    methods = definitions["EgressRule"]["properties"]["method"]
    definitions["EgressRule"]["properties"]["method"] = {"anyOf": [methods, {"type": "string"}], "default": []}
    watched = definitions["FileSentry"]["properties"]["watch_paths"]
    watched["items"] = {"anyOf": [watched["items"], {"type": "string"}]}
    definitions["FlightRecorder"]["properties"]["file_mode"] = {"enum": ["0600", "0640", "0660"]}


def _durations_are_text(definitions: dict[str, Any]) -> None:
    """A duration is seconds in the program and `1m30s` in the file."""
    for definition in definitions.values():
        for name, value in definition.get("properties", {}).items():
            if value.get("examples") == DURATION_EXAMPLES:
                definition["properties"][name] = {"type": "string", "examples": DURATION_EXAMPLES}
