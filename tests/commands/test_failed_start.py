"""A start that comes to nothing leaves nothing that blocks the corrected command."""

from __future__ import annotations

import json

import pytest

from georet.cli.app import run
from georet.errors import GeoretError

SETTINGS = [
    "dataset={name: tiny, root: data, num_places: 16, size: 32}",
    "data.size={query: [32, 32], reference: [32, 32]}",
    "encoder.backbone=georet.testing.plugin:tiny",
    "losses=[info_nce]",
    "sampler=random",
    "train={epochs: 1, batch_size: 8}",
]


def start(*more):
    plugins = "sample4geo,georet.testing.plugin"
    call = ["train", "--plugins", plugins, "--recipe", "none", "--out", "run"]
    run([*call, *(word for one in (*SETTINGS, *more) for word in ("--set", one))])


@pytest.mark.parametrize(
    "wrong", ["train.batch_size=999", "evaluate.during=[nowhere]", "evaluate.best=all/nothing"]
)
def test_the_corrected_command_goes_through(wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GeoretError):
        start(wrong)
    assert not (tmp_path / "run").exists()
    start()
    assert json.loads((tmp_path / "run/manifest.json").read_text())["finished"]


def test_a_run_that_has_got_somewhere_is_not_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start()
    before = (tmp_path / "run/config.yaml").read_bytes()
    with pytest.raises(GeoretError, match="there is a run in this folder already"):
        start("seed=7")
    assert (tmp_path / "run/config.yaml").read_bytes() == before
