"""What named branches, aggregators and fits become in ONNX: the same embeddings, per view."""

import json

import numpy as np
import pytest

from georet.cli import main
from georet.plugins import Selection
from georet.sessions import SessionSpec

PLUGINS = "--plugins=sample4geo,georet.testing.plugin"
VIT = "{name: timm, model: vit_tiny_patch16_224, weights: none, aggregator: %s}"
KINDS = {
    "gem over a ViT's map": [f"encoder.backbone={VIT % 'gem'}"],
    "conv over a ViT's map": [f"encoder.backbone={VIT % '{name: conv, width: 16}'}"],
    "named branches": [
        "encoder.branches={query: street, reference: overhead}",
        "encoder.backbones.street={name: tiny, width: 5}",
    ],
}
WIDE = ["data.size={query: [32, 64], reference: [32, 64]}"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_embeds_as_the_run_does(kind, start_tiny, tmp_path, capsys):
    run = start_tiny(kind.replace(" ", "-"), *KINDS[kind], *WIDE)
    capsys.readouterr()
    assert main(["export", str(run), PLUGINS, "--out", str(tmp_path), "--json"]) == 0
    (outcome,) = json.loads(capsys.readouterr().out)
    assert outcome["fidelity"]["gate"]["passed"] is True
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 64, 3), dtype=np.uint8)
    for view in ("query", "reference"):
        trained = SessionSpec(
            run, view, selection=Selection.of(("sample4geo", "georet.testing.plugin"))
        ).open()
        exported = SessionSpec(tmp_path / "onnx-fp32", view).open()
        cosines = (trained.embed(images) * exported.embed(images)).sum(axis=1)
        assert cosines.min() > 1 - 1e-5
        assert exported.identity.is_comparable(trained.identity)


def test_maps_that_were_fitted_to_a_trained_run_are_exported(start_tiny, tmp_path, capsys):
    run, white = start_tiny("trained", *WIDE), tmp_path / "white"
    arguments = ["fit", str(run), "--with", "whitening:dim=8", "--out", str(white), PLUGINS]
    assert main(arguments) == 0
    assert main(["export", str(white), PLUGINS, "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 64, 3), dtype=np.uint8)
    chosen = Selection.of(("sample4geo", "georet.testing.plugin"))
    fitted = SessionSpec(white, "query", selection=chosen).open()
    exported = SessionSpec(tmp_path / "out" / "onnx-fp32", "query").open()
    assert fitted.embed(images).shape == (5, 8)
    assert (fitted.embed(images) * exported.embed(images)).sum(axis=1).min() > 1 - 1e-5
    assert exported.identity.is_comparable(fitted.identity)
