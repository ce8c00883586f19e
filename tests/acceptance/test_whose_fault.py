"""Whatever a component does wrong is told with plugin, component, and the author's line."""

from __future__ import annotations

from pathlib import Path

import pytest

from georet.cli.app import run
from georet.errors import GeoretError

PLUGIN = """
import sys

import numpy as np
import torch

from georet import Component, hookimpl
from georet.testing.tiny_backbone import TinyBackbone
from georet.types import EvaluationSet


class Loss(torch.nn.Module):
    {loss_class}

    def forward(self, embedded):
        cosines = embedded.query @ embedded.reference.T
        value = torch.nn.functional.softplus(cosines - cosines.diag()[:, None]).mean()
        {loss}
        return value


class Turned:
    def __call__(self, image, rng):
        {transform}
        return image


class Backbone(TinyBackbone):
    def forward(self, images):
        features = super().forward(images)
        {backbone}
        return features


def metric(ranking):
    value = {{"mine": 1.0}}
    {metric}
    return value


@hookimpl
def georet_losses():
    yield Component("odd_loss", Loss)


@hookimpl
def georet_transforms():
    yield Component("odd_transform", Turned)


@hookimpl
def georet_backbones():
    yield Component("odd_backbone", Backbone)


@hookimpl
def georet_metrics():
    yield Component("odd_metric", lambda: metric)


@hookimpl
def georet_step_end(trainer, step):
    {observer}
    return None


@hookimpl
def georet_checkpoint(trainer, state):
    {checkpoint}
    return None
"""

CASES = [
    ("loss", "value = 1 / 0", "odd_loss", "value = 1 / 0"),
    ("loss", "value = cosines.diag()", "odd_loss", "float32[8]"),
    ("loss", "value = None", "odd_loss", "NoneType"),
    ("loss", "value = float(value)", "odd_loss", "float"),
    ("loss", "value = value.detach()", "odd_loss", "no gradient"),
    ("loss", "value = value.to(torch.complex64)", "odd_loss", "complex64"),
    ("loss", "value = embedded.query.mul_(0).sum() + value", "odd_loss", "in place"),
    ("loss", "value = value * float('nan')", "odd_loss", "3 steps in a row"),
    ("loss", "embedded.batch.column('yaw')", "odd_loss", "no column 'yaw'"),
    ("loss", "sys.exit(0)", "odd_loss", "sys.exit(0)"),
    ("transform", "image = 1 / 0", "odd_transform", "image = 1 / 0"),
    ("transform", "image = None", "odd_transform", "NoneType"),
    ("transform", "image = image[:5]", "odd_transform", "uint8[5, 32, 3]"),
    ("transform", "image = image[..., 0]", "odd_transform", "uint8[32, 32]"),
    ("transform", "image = image / 255", "odd_transform", "float64"),
    ("backbone", "features = features[None]", "odd_backbone", "for 8 images"),
    ("backbone", "features = features[:1]", "odd_backbone", "for 8 images"),
    ("backbone", "features = (features, 1)", "odd_backbone", "tuple"),
    ("backbone", "features = features.int()", "odd_backbone", "int32"),
    ("backbone", "features.no_such()", "odd_backbone", "features.no_such()"),
    ("metric", "value = 1 / 0", "odd_metric", "value = 1 / 0"),
    ("metric", "value = {'mine': float('nan')}", "odd_metric", "nan"),
    ("metric", "value = None", "odd_metric", "NoneType"),
    ("metric", "value = {'mine': 'much'}", "odd_metric", "'much'"),
    ("metric", "value = {'recall@1': 101.0}", "odd_metric", "recall@1"),
    ("observer", "raise RuntimeError('observed')", "georet_step_end", "raise RuntimeError"),
    ("observer", "sys.exit(0)", "georet_step_end", "sys.exit(0)"),
    ("checkpoint", "state['step'] = 10**9", "georet_checkpoint", "georet's own"),
    ("checkpoint", "state['mine'] = object()", "georet_checkpoint", "object"),
    ("checkpoint", "state['mine'] = float('inf')", "georet_checkpoint", "inf"),
]


def train(folder: Path, *sets: str, **parts: str) -> None:
    names = ("loss", "loss_class", "transform", "backbone", "metric", "observer", "checkpoint")
    mine = folder / "mine.py"
    mine.write_text(PLUGIN.format(**{name: parts.get(name, "pass") for name in names}))
    settings = [
        "dataset={name: tiny, root: data, num_places: 16, size: 32}",
        "data.size={query: [32, 32], reference: [32, 32]}",
        "data.augment={query: [mine:odd_transform]}",
        "encoder.backbone=mine:odd_backbone",
        "losses=[mine:odd_loss]",
        "sampler=random",
        "train={epochs: 1, batch_size: 8, max_bad_steps: 3}",
        *sets,
    ]
    plugins = f"sample4geo,georet.testing.plugin,{mine}"
    call = ["train", "--plugins", plugins, "--recipe", "none", "--out", "run"]
    run([*call, *(word for one in settings for word in ("--set", one))])


@pytest.mark.parametrize(("part", "line", "name", "text"), CASES)
def test_a_fault_names_plugin_component_and_what_happened(
    part, line, name, text, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GeoretError) as caught:
        train(tmp_path, "train.epochs=4", **{part: line})
    message = str(caught.value)
    assert "mine" in message
    assert name in message
    assert text in message
    assert "bug" not in message


@pytest.mark.parametrize("line", ["image = 1 / 0", "image = image[:5]", "sys.exit(3)"])
def test_a_fault_in_a_loader_worker_is_told_alike(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GeoretError) as caught:
        train(tmp_path, "data.workers=1", transform=line)
    assert "mine:odd_transform" in str(caught.value)


@pytest.mark.parametrize(
    ("factory", "text"),
    [("lambda: 5", "int 5"), ("lambda: None", "NoneType None"), ("lambda: {}", "dict {}")],
)
def test_a_factory_that_makes_something_else_is_named(factory, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from georet import Component, hookimpl\n\n\n@hookimpl\ndef georet_losses():\n"
        f"    yield Component('made', {factory})\n"
    )
    sets = [
        "dataset={name: tiny, root: data}",
        "data.size={query: [32, 32], reference: [32, 32]}",
        "encoder.backbone=georet.testing.plugin:tiny",
        "losses=[mine:made]",
        "sampler=random",
    ]
    plugins = f"sample4geo,georet.testing.plugin,{tmp_path / 'mine.py'}"
    call = ["train", "--plugins", plugins, "--recipe", "none", "--out", "run"]
    with pytest.raises(GeoretError) as caught:
        run([*call, *(word for one in sets for word in ("--set", one))])
    assert f"its factory returned {text}" in str(caught.value)
    assert "mine:made" in str(caught.value)


def test_a_column_that_a_loss_requires_is_asked_for_before_anything_is_built(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GeoretError, match="needs the column 'yaw'") as caught:
        train(tmp_path, loss_class="requires_columns = ('yaw',)")
    assert "mine:odd_loss" in str(caught.value)
    assert "The data set has" in str(caught.value)
    assert not (tmp_path / "run" / "checkpoints").exists()
