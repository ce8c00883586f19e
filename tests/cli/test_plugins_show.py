"""``georet plugins show``: what a component is, whose, and which options it takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

MINE = '''
from typing import Literal

import pydantic

from georet import Component, hookimpl


class Settings(pydantic.BaseModel):
    """Settings of the second loss."""

    margin: float = pydantic.Field(0.25, gt=0, description="How far apart strangers lie.")


class Loss:
    """A loss that counts.

    ``power`` is what distances are raised to. ``mode``: how pairs are chosen.
    """

    def __init__(self, *, power: int, mode: Literal["all", "hard"] = "hard") -> None:
        self.power = power


def second(settings: Settings) -> None:
    return None


@hookimpl
def georet_losses():
    yield Component("mine", Loss, summary="My own loss")
    yield Component("second", second, config=Settings, summary="Another")
    yield Component("absent", "nowhere:Loss", requires=("no_such_module",))


@hookimpl
def georet_metrics():
    yield Component("mine", "json:loads", summary="A metric of the same name")
'''


@pytest.fixture
def show(georet):
    Path("mine.py").write_text(MINE)

    def run(*arguments):
        return georet("plugins", "show", *arguments, "--plugins", "./mine.py")

    return run


def test_options_come_with_type_default_and_description(show):
    found = json.loads(show("mine:mine", "--kind", "losses", "--json").out)
    assert (found["id"], found["kind"], found["summary"]) == ("mine:mine", "losses", "My own loss")
    assert "mine" in found["owner"]
    assert found["options"] == [
        {
            "name": "power",
            "type": "integer",
            "default": None,
            "description": "``power`` is what distances are raised to.",
        },
        {
            "name": "mode",
            "type": '"all" | "hard"',
            "default": '"hard"',
            "description": "``mode``: how pairs are chosen.",
        },
    ]


def test_options_of_a_model_are_described_by_its_fields(show):
    (option,) = json.loads(show("second", "--json").out)["options"]
    assert option == {
        "name": "margin",
        "type": "number (> 0)",
        "default": "0.25",
        "description": "How far apart strangers lie.",
    }


def test_a_component_is_shown_as_a_table(show):
    out = show("second").out
    for text in ("mine:second (losses", "Another", "margin", "number (> 0)", "0.25"):
        assert text in out


def test_a_name_of_several_components_asks_which(show):
    outcome = show("mine")
    assert outcome.code == 2
    assert "'mine' is the name of 2 components: mine:mine (losses), mine:mine (metrics)" in (
        outcome.err
    )


def test_an_unknown_name_is_answered_with_the_closest(show):
    outcome = show("secund")
    assert outcome.code == 2
    assert "did you mean 'second'?" in outcome.err
    assert show("mine", "--kind", "loses").code == 2


def test_a_component_of_which_something_is_missing_is_shown_without_options(show):
    found = json.loads(show("absent", "--json").out)
    assert (found["missing"], found["options"]) == (["no_such_module"], [])
    assert "no_such_module" in show("absent").out


def test_the_options_of_plugins_stand_before_show_too(georet):
    Path("mine.py").write_text(MINE)
    assert georet("plugins", "--plugins", "./mine.py", "show", "second").code == 0


def test_each_component_that_comes_with_georet_is_shown(georet):
    listed = json.loads(georet("plugins", "--json").out)
    ids = [(c["kind"], c["id"]) for plugin in listed for c in plugin["components"]]
    assert len(ids) > 20
    for kind, name in ids:
        outcome = georet("plugins", "show", name, "--kind", kind, "--json")
        assert outcome.code == 0, outcome.err
        found = json.loads(outcome.out)
        assert (found["id"], found["kind"]) == (name, kind)
