from __future__ import annotations

import json

from pipelock.config.editor import json_schema


def test_the_schema_is_plain_json_and_closed() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert schema["$ref"] == "#/$defs/Config"
    assert all(d["additionalProperties"] is False for d in schema["$defs"].values() if d["type"] == "object")


def test_words_ranges_and_defaults_are_there() -> None:
    definitions = json_schema()["$defs"]
    assert set(definitions["Config"]["properties"]["mode"]["enum"]) == {"strict", "balanced", "audit"}
    timeout = definitions["FetchProxy"]["properties"]["timeout_seconds"]
    assert (timeout["minimum"], timeout["maximum"], timeout["default"]) == (1, 86400, 30)
    assert "class" in definitions["RedactionDictionary"]["properties"]


def test_second_forms_are_accepted() -> None:
    definitions = json_schema()["$defs"]
    assert {"type": "string"} in definitions["EgressRule"]["properties"]["method"]["anyOf"]
    assert {"type": "string"} in definitions["FileSentry"]["properties"]["watch_paths"]["items"]["anyOf"]
    assert definitions["ScanApiTimeouts"]["properties"]["read"]["type"] == "string"
    assert definitions["Conductor"]["properties"]["poll_interval"]["type"] == "string"
    assert definitions["FlightRecorder"]["properties"]["file_mode"]["enum"] == ["0600", "0640", "0660"]


def test_descriptions_are_sentences() -> None:
    for definition in json_schema()["$defs"].values():
        assert "\n" not in definition["description"]
