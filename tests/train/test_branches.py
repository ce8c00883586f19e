"""Named branches, what a backbone is told, and what it gives to losses alone."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from georet.commands.judging import evaluate_run
from georet.errors import ComponentError, ConfigError
from georet.plugins import Selection
from georet.train.checkpoint import load_checkpoint
from georet.train.saving import ENCODER

PLUGIN = """
import json
from pathlib import Path

from torch import nn

from georet import Component, hookimpl
from georet.testing.tiny_backbone import TinyBackbone

SEEN = Path(__file__).with_name("seen.jsonl")


class Telling(TinyBackbone):
    def forward(self, images, *, view, batch=None, outputs=None):
        place = None if batch is None else batch.pairs.tolist()
        with SEEN.open("a") as file:
            file.write(json.dumps([view, place, self.training]) + "\\n")
        maps = self.trunk(images)
        features = self.head(maps.mean(dim=(2, 3)))
        if outputs is not None:
            outputs["map"] = maps
            outputs["logits"] = features[:, :3]
        # The view decides: the same weights make another feature of it.
        return features if view == "query" else -features


class Maps(nn.Module):
    wants_maps = True
    wants_outputs = ("logits",)

    def forward(self, embedded):
        maps = embedded.maps
        assert maps["query"].shape == (4, 48, 8, 8), maps["query"].shape
        logits = embedded.outputs["reference"]["logits"]
        cosines = embedded.query @ embedded.reference.T
        return (maps["query"] - maps["reference"]).square().mean() + logits.square().mean() \\
            - cosines.diag().mean()


@hookimpl
def georet_backbones():
    yield Component("telling", Telling, summary="Notes what it is told")


@hookimpl
def georet_losses():
    yield Component("maps", Maps, summary="Compares maps")
"""
NAMED = "encoder.branches={query: street, reference: overhead}"


@pytest.fixture
def plugins(tmp_path):
    (tmp_path / "telling.py").write_text(PLUGIN)
    return ["sample4geo", "georet.testing.plugin", str(tmp_path / "telling.py")]


def encoder_tensors(run):
    return load_file(load_checkpoint(run).path / f"{ENCODER}.safetensors")


def seen(plugins):
    text = Path(plugins[-1]).with_name("seen.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_views_of_one_name_share_a_branch_and_others_have_their_own(start):
    run = start("run", NAMED, "encoder.backbones.overhead={name: tiny, width: 5}")
    tensors = encoder_tensors(run)
    assert {name.split(".")[1] for name in tensors if name.startswith("branches.")} == {
        "street",
        "overhead",
    }
    assert tensors["branches.street.backbone.trunk.0.weight"].shape[0] == 24
    assert tensors["branches.overhead.backbone.trunk.0.weight"].shape[0] == 5
    again = evaluate_run(run, selection=Selection.of(["sample4geo", "georet.testing.plugin"]))
    stored = json.loads((run / "evaluation" / "held-out.json").read_text())
    assert again["held-out"].metrics == pytest.approx(stored["metrics"])


def test_one_name_for_both_views_is_the_shared_encoder_under_another_name(start):
    shared = encoder_tensors(start("shared"))
    named = encoder_tensors(start("named", "encoder.branches={query: one, reference: one}"))
    assert named.keys() == {name.replace("branches.shared", "branches.one") for name in shared}
    for name, tensor in shared.items():
        assert torch.equal(named[name.replace("branches.shared", "branches.one")], tensor)


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["encoder.branches={query: street}"], r"encoder.branches: the view 'reference' has no"),
        (
            [NAMED, "encoder.backbones.overhed=tiny"],
            r"encoder.backbones.overhed: no view.*overhead",
        ),
        (["encoder.backbones.street=tiny"], r"encoder.backbones.street: .*encoder.branches"),
        ([NAMED, "encoder.view_backbones.query=tiny"], r"encoder.view_backbones.query: "),
        (["encoder.branches={query: a b, reference: c}"], r"encoder.branches.query: 'a b'"),
        (["encoder.branches={query: keys, reference: c}"], r"'keys' can't be the name of a branch"),
    ],
)
def test_what_names_no_branch_is_said(start, overrides, text):
    with pytest.raises(ConfigError) as caught:
        start("run", *overrides)
    assert re.search(text, str(caught.value), re.DOTALL), str(caught.value)


def test_a_backbone_is_told_its_view_and_in_training_alone_the_batch(start, plugins):
    run = start("run", "encoder.backbone=telling", plugins=plugins)
    told = seen(plugins)
    training = [(view, place) for view, place, is_training in told if is_training]
    assert {view for view, _ in training} == {"query", "reference"}
    assert all(len(place) == 4 for _, place in training)
    assert {place for _, place, is_training in told if not is_training} == {None}
    assert encoder_tensors(run)


def test_chunks_are_told_their_own_pairs_and_give_the_same_weights(start, plugins):
    losses = "losses=[{name: maps}, {name: info_nce}]"
    whole = encoder_tensors(start("whole", "encoder.backbone=telling", losses, plugins=plugins))
    Path(plugins[-1]).with_name("seen.jsonl").unlink()
    chunked = encoder_tensors(
        start("chunked", "encoder.backbone=telling", losses, "train.chunk=3", plugins=plugins)
    )
    for name, tensor in whole.items():
        assert torch.allclose(chunked[name], tensor, atol=1e-5), name
    parts = [place for _, place, is_training in seen(plugins) if is_training][:2]
    assert [len(part) for part in parts] == [3, 1]
    assert len(np.unique(np.concatenate(parts))) == 4


def test_a_loss_that_wants_what_the_backbone_has_not_is_refused_before_the_first_step(
    start, plugins
):
    with pytest.raises(ComponentError, match=r"gives no output 'map', which losses 'telling:maps'"):
        start("run", "losses=[maps]", plugins=plugins)


def test_the_maps_of_timms_networks_reach_a_loss(start, plugins, tmp_path):
    plugin = (tmp_path / "telling.py").read_text().replace("(4, 48, 8, 8)", "(4, 80, 2, 2)")
    (tmp_path / "telling.py").write_text(
        plugin.replace('wants_outputs = ("logits",)', "").replace(
            'logits = embedded.outputs["reference"]["logits"]', "logits = embedded.reference"
        )
    )
    backbone = "encoder.backbone={name: timm, model: convnext_atto, weights: none, stage: 1}"
    size = "data.size={query: [16, 16], reference: [16, 16]}"
    assert start("run", backbone, "losses=[maps, info_nce]", size, plugins=plugins).is_dir()
