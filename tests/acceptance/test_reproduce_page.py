"""The page on reproducing tables: its commands fit, its column of measurements is honest."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from georet.configure import configure
from georet.configure.layers import override_layer
from georet.evaluate import PROTOCOLS

PAGE = (Path(__file__).parents[2] / "docs" / "reproduce.md").read_text()
LINES = [
    line.strip()
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]


def values(line: str, flag: str) -> list[str]:
    words = shlex.split(line.replace("$seed", "0"))
    return [value for name, value in pairwise(words) if name == flag]


@pytest.mark.parametrize("line", [x for x in LINES if x.startswith("georet train")])
def test_every_training_command_has_settings_that_fit(line):
    (recipe,) = values(line, "--recipe")
    config, _ = configure(recipe=recipe, overrides=values(line, "--set"))
    assert config.recipe == recipe


@pytest.mark.parametrize("line", [x for x in LINES if x.startswith("georet eval")])
def test_every_evaluation_has_settings_that_fit(line):
    overrides = values(line, "--set")
    assert all(override_layer(text).values for text in overrides)
    configure(recipe="sample4geo/cvusa", overrides=overrides)


@pytest.mark.parametrize("setting", re.findall(r"`--set (sampler[^`]*)`", PAGE))
def test_every_setting_of_the_sampler_fits(setting):
    configure(recipe="sample4geo/vigor-cross", overrides=[setting])


def test_every_protocol_named_in_a_table_exists():
    named = re.findall(r"^\| .*?`([a-z0-9-]+/[a-z0-9]+)`", PAGE, re.MULTILINE)
    assert len(named) > 8
    assert {name for name in named if not name.startswith("sample4geo/")} <= PROTOCOLS.keys()


def test_no_figure_stands_in_the_column_of_measurements():
    rows = re.findall(r"^\|(?:.*\|)+$", PAGE, re.MULTILINE)
    tables = [r for r in rows if "georet, measured" in r]
    assert len(tables) == 5
    figures = [row for row in rows if re.search(r"\d\d\.\d\d", row)]
    assert len(figures) > 25
    assert all(row.split("|")[-2].strip() == "" for row in figures)
