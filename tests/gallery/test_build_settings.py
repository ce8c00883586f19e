"""The choices of a build: the same ones for the command line and for Python."""

from __future__ import annotations

import inspect
from dataclasses import fields

from georet.cli.gallery_build import build
from georet.gallery.making.settings import BuildOptions, BuildSettings


def test_the_keywords_from_python_are_the_fields() -> None:
    assert set(BuildOptions.__annotations__) == {field.name for field in fields(BuildSettings)}


def test_the_command_line_has_the_same_defaults_where_bytes_depend_on_them() -> None:
    typed = {name: one.default for name, one in inspect.signature(build).parameters.items()}
    settings = BuildSettings()
    assert (typed["storage"], typed["shard_size"], typed["batch"], typed["thumbnails"]) == (
        settings.storage,
        settings.shard_size,
        settings.batch_size,
        settings.thumbnails,
    )


def test_workers_and_quota_do_not_decide_the_bytes() -> None:
    assert BuildSettings(workers=3, bad_tile_quota=0.5).as_json() == BuildSettings().as_json()
