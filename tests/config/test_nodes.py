from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelock.config import nodes
from pipelock.config.nodes import MappingNode, ScalarNode, SequenceNode, YamlError, parse


@pytest.fixture(autouse=True, params=[yaml.SafeLoader, nodes._Loader], ids=["python", "libyaml"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "_Loader", request.param)


def scalars(node: nodes.Node) -> list[str]:
    match node:
        case ScalarNode():
            return [node.text]
        case SequenceNode():
            return [text for item in node.items for text in scalars(item)]
        case MappingNode():
            return [text for pair in node.pairs for node in pair for text in scalars(node)]


def test_empty_and_comment_only_files_hold_nothing() -> None:
    assert parse("") is None
    assert parse("# nothing\n") is None


def test_every_value_knows_its_place_in_characters() -> None:
    root = parse("a: 1\nb:\n  - ä: x\n")
    assert isinstance(root, MappingNode)
    (_, one), (key, many) = root.pairs
    assert (one.line, one.column) == (1, 4)
    assert (key.line, key.column) == (2, 1)
    assert isinstance(many, SequenceNode)
    inner = many.items[0]
    assert isinstance(inner, MappingNode)
    value = inner.pairs[0][1]
    assert (value.line, value.column) == (3, 8)


@pytest.mark.parametrize(
    ("text", "plain", "tag"),
    [
        ("no", True, ""),
        ("'no'", False, ""),
        ('"no"', False, ""),
        ("|\n  no", False, ""),
        ("!!str no", True, "str"),
        ("!!int 5", True, "int"),
        ("! no", False, ""),
    ],
)
def test_quoting_and_tags_are_kept(text: str, plain: bool, tag: str) -> None:
    node = parse(text)
    assert isinstance(node, ScalarNode)
    assert (node.plain, node.tag) == (plain, tag)


def test_duplicate_keys_are_kept_for_the_reader() -> None:
    root = parse("a: 1\na: 2\n")
    assert root is not None
    assert scalars(root) == ["a", "1", "a", "2"]


def test_aliases_stand_for_their_anchor() -> None:
    root = parse("a: &x [1, 2]\nb: *x\n")
    assert root is not None
    assert scalars(root) == ["a", "1", "2", "b", "1", "2"]


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("a: 1\n---\nb: 2\n", (2, 1), "multiple YAML documents"),
        ("a: &x 1\nb:\n  <<: *x\n", (3, 3), "merge keys"),
        ("a: !!python/object:os.system x\n", (1, 4), "tag"),
        ("a: !secret x\n", (1, 4), "tag !secret"),
        ("a: !!map [1]\n", (1, 4), "tag !!map"),
        ("a: !!set {x: }\n", (1, 4), "tag !!set"),
        ("a: *nowhere\n", (1, 4), "alias *nowhere"),
        ("a: &x [*x]\n", (1, 8), "alias *x"),
        ("a: [1\n", (2, 1), "not valid YAML"),
        ("a: b: c\n", (1, 5), "not valid YAML"),
        ("\tx: 1\n", (1, 1), "not valid YAML"),
    ],
)
def test_what_is_refused(text: str, place: tuple[int, int], part: str) -> None:
    with pytest.raises(YamlError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == place
    assert part in caught.value.message


def test_a_quoted_merge_key_is_only_a_key() -> None:
    root = parse("'<<': 1\n")
    assert root is not None
    assert scalars(root) == ["<<", "1"]


def test_depth_is_limited_before_memory_is() -> None:
    assert parse("[" * nodes.MAX_DEPTH + "]" * nodes.MAX_DEPTH) is not None
    with pytest.raises(YamlError, match="nested deeper"):
        parse("[" * 1_000_000)


def test_aliases_are_counted_each_time() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(YamlError, match="more than 100000 values"):
        parse("\n".join(lines))


def test_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MAX_NODES", 1000)
    assert parse("[" + "a," * 999 + "]") is not None
    with pytest.raises(YamlError, match="more than 1000 values"):
        parse("[" + "a," * 1000 + "]")


def test_size_is_counted_in_bytes() -> None:
    with pytest.raises(YamlError, match="larger than"):
        parse("#" + "ä" * (nodes.MAX_BYTES // 2))


@given(st.text(max_size=300))
def test_any_text_is_a_tree_or_a_yaml_error(text: str) -> None:
    try:
        root = parse(text)
    except YamlError as error:
        assert error.message  # noqa: PT017 - both ends are right; what matters is that there is no third
        return
    assert root is None or isinstance(root, (ScalarNode, SequenceNode, MappingNode))


@given(st.lists(st.text(alphabet="abc:-[]{}&*!|>'\"%@`#,? \n\t", max_size=12), max_size=12))
def test_yaml_like_noise_is_a_tree_or_a_yaml_error(parts: list[str]) -> None:
    test_any_text_is_a_tree_or_a_yaml_error.hypothesis.inner_test("".join(parts))  # type: ignore[attr-defined]
