"""Reading YAML: safe, capped, and precise about what is wrong."""

from __future__ import annotations

import pytest

from georet.configure.yamlfile import MAX_BYTES, parse_yaml, read_yaml
from georet.errors import ConfigError


def test_lines_of_keys_and_entries_are_known():
    values, lines = parse_yaml("a: 1\nb:\n  c: 2\n  d:\n    - x\n    - y\n", "f")
    assert values == {"a": 1, "b": {"c": 2, "d": ["x", "y"]}}
    assert lines[("b", "c")] == 3
    assert lines[("b", "d", 1)] == 6


def test_an_empty_text_holds_nothing():
    assert parse_yaml("# nothing\n", "f") == ({}, {})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1\nb: [1,\n", "f:3: is not YAML"),
        ("a: 1\nb: 2\na: 3\n", "f:3: the key 'a' stands twice"),
        ("a: {b: 1, b: 2}\n", "f:1: the key 'b' stands twice"),
        ("- a\n", "f: holds a list, not keys with values"),
        ("a: &x [1]\nb: *x\n", "f:2: is not YAML: aliases"),
        ("a: !!python/object/apply:os.system ['true']\n", "f:1: is not YAML: could not determine"),
        ("a: 2001-13-45\n", "f: is not YAML"),
        ("[" * 5000, "f: is nested too deeply"),
        ("a: " * 3, "f:1: is not YAML"),
        ("a: 1\n---\nb: 2\n", "f:2: is not YAML"),
        (b"a: \xff\xfe", "f: is not YAML"),
        ("? [a]\n: 1\n", "f:1:"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, complaint):
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "f")
    assert str(caught.value).startswith(complaint)


def test_nothing_is_executed(tmp_path):
    target = tmp_path / "made"
    with pytest.raises(ConfigError):
        parse_yaml(f"a: !!python/object/apply:os.mkdir ['{target}']", "f")
    assert not target.exists()


def test_a_large_file_is_refused_unread(tmp_path):
    path = tmp_path / "large.yaml"
    path.write_text("a: 1\n" + "#" * MAX_BYTES)
    with pytest.raises(ConfigError, match=f"is larger than {MAX_BYTES} bytes"):
        read_yaml(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: can't be read: No such file"):
        read_yaml(tmp_path / "nowhere.yaml")
