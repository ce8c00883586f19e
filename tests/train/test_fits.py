"""Fits after training: part of the encoder, judged with and without, resumed to the same bytes."""

import json

import numpy as np
import pytest

from georet.commands.judging import evaluate_run
from georet.commands.training import resume_run
from georet.errors import ComponentError, ConfigError
from georet.evaluate.embed import Embedder
from georet.plugins import Selection
from georet.sessions import SessionSpec
from georet.train.checkpoint import load_checkpoint
from georet.train.run import reconfigure
from georet.train.saving import load_encoder
from georet.train.setup import load_data

CHOSEN = Selection.of(["sample4geo", "georet.testing.plugin"])
FITS = "fits=[{name: whitening, dim: 8}, procrustes]"


def images(num=6):
    return np.random.default_rng(0).integers(0, 256, (num, 32, 32, 3), dtype=np.uint8)


def events(run, name):
    lines = map(json.loads, (run / "events.jsonl").read_text().splitlines())
    return [line for line in lines if line["event"] == name]


def session(run, view="query", checkpoint="last"):
    return SessionSpec(run, view, selection=CHOSEN, checkpoint=checkpoint).open()


def test_the_fitted_encoder_is_the_trained_one_with_maps_behind_it(start):
    plain, fitted = start("plain"), start("fitted", FITS)
    tensors = load_checkpoint(fitted).tensors["encoder"]
    assert {name for name in tensors if name.startswith("fitted")} == {
        f"fitted.{view}.{number}.{part}"
        for view in ("query", "reference")
        for number in (0, 1)
        for part in ("weight", "bias")
    }
    found = session(plain).embed(images()).astype(np.float64)
    for number in (0, 1):
        weight, bias = (tensors[f"fitted.query.{number}.{p}"].numpy() for p in ("weight", "bias"))
        found = found @ weight.T + bias
        found /= np.linalg.norm(found, axis=1, keepdims=True)
    embedded = session(fitted).embed(images())
    assert embedded.shape == (6, 8)
    assert embedded == pytest.approx(found, abs=1e-5)
    assert not session(plain).identity.is_comparable(session(fitted).identity)


def test_the_run_is_judged_with_its_fits_and_keeps_the_figure_without(start):
    plain, fitted = start("plain"), start("fitted", FITS)
    of_plain = json.loads((plain / "evaluation" / "held-out.json").read_text())
    without = json.loads((fitted / "evaluation" / "without-fits" / "held-out.json").read_text())
    assert without["metrics"] == of_plain["metrics"]
    with_fits = json.loads((fitted / "evaluation" / "held-out.json").read_text())
    again = evaluate_run(fitted, selection=CHOSEN)["held-out"].metrics
    assert again == pytest.approx(with_fits["metrics"])
    assert [e["fit"] for e in events(fitted, "fit")] == ["core:whitening", "core:procrustes"]
    assert [e["embed_dim"] for e in events(fitted, "fit")] == [8, 8]
    (event,) = events(fitted, "eval_without_fits")
    assert event["metrics"] == of_plain["metrics"]


def test_whitened_training_embeddings_vary_alike_in_all_directions(start):
    run, plain = start("run", "fits=[{name: whitening, dim: 4}]"), start("plain")
    config, plugins = reconfigure(plain / "config.yaml", selection=CHOSEN)
    encoder = load_encoder(plain, "last", config, plugins)
    views = load_data(config, plugins).pairs.views
    embedder = Embedder(encoder, config.data, 16)
    rows = np.concatenate([embedder.table(view, table) for view, table in views.items()])
    maps = load_checkpoint(run).tensors["encoder"]
    white = rows @ maps["fitted.query.0.weight"].numpy().T + maps["fitted.query.0.bias"].numpy()
    assert np.cov(white.T, bias=True) == pytest.approx(np.eye(4), abs=1e-3)
    assert white.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-3)


@pytest.mark.parametrize("at", ["fit_behind", "final"])
def test_a_run_that_died_over_its_fits_goes_on_to_the_same_bytes(start, monkeypatch, at):
    whole = start("whole", FITS)
    from georet.train import fitted
    from georet.train.judge import Judge

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fitted if at == "fit_behind" else Judge, at, die)
        with pytest.raises(KeyboardInterrupt):
            start("killed", FITS)
    killed = whole.with_name("killed")
    resume_run(killed, selection=CHOSEN)
    for name in ("encoder.safetensors", "optimizer.safetensors"):
        assert (load_checkpoint(killed).path / name).read_bytes() == (
            load_checkpoint(whole).path / name
        ).read_bytes()
    assert (killed / "events.jsonl").read_bytes() == (whole / "events.jsonl").read_bytes()
    resume_run(killed, selection=CHOSEN)  # a finished one has nothing left to do
    assert (killed / "events.jsonl").read_bytes() == (whole / "events.jsonl").read_bytes()


def test_what_can_not_be_fitted_is_said_before_training(start, tmp_path):
    with pytest.raises(ConfigError, match=r"there is no view 'tile'") as caught:
        start("run", "fits=[{name: procrustes, to: tile}]")
    assert "core:procrustes" in str(caught.value)
    with pytest.raises(ConfigError, match=r"100 is more than the 32 values"):
        start("run", "fits=[{name: pca, dim: 100}]")
    with pytest.raises(ConfigError, match=r"8 values|9 is more than the 8"):
        start("run", "fits=[{name: pca, dim: 8}, {name: whitening, dim: 9}]")
    assert not (tmp_path / "run").exists()


def test_a_fit_of_somebody_else_that_breaks_is_named_and_the_training_is_kept(
    start, settings, tmp_path
):
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "import numpy as np\nfrom georet import Component, hookimpl\n"
        "from georet.contracts.encoding import Affine\n\n\n"
        "class Flat:\n    def __call__(self, embeddings, pairs):\n"
        "        return {v: Affine(np.zeros((3, e.shape[1])), np.zeros(3))"
        " for v, e in embeddings.items()}\n\n\n"
        "@hookimpl\ndef georet_fits():\n    yield Component('flat', Flat, summary='No direction')\n"
    )
    plugins = ["sample4geo", "georet.testing.plugin", str(plugin)]
    with pytest.raises(ComponentError, match=r"takes the direction from \d+ of \d+") as caught:
        start("run", "fits=[flat]", plugins=plugins)
    assert "fits 'broken:flat' of plugin 'broken'" in str(caught.value)
    state = load_checkpoint(tmp_path / "run").state
    assert (state["epoch"], state["is_finished"]) == (settings["train"]["epochs"], False)


def test_an_average_of_the_weights_is_what_is_fitted_to(start):
    ema = "train.ema={decay: 0.5}"
    plain, fitted = start("plain", ema), start("fitted", ema, FITS)
    tensors = load_checkpoint(fitted).weights
    found = session(plain).embed(images()).astype(np.float64)
    for number in (0, 1):
        weight, bias = (tensors[f"fitted.query.{number}.{p}"].numpy() for p in ("weight", "bias"))
        found = found @ weight.T + bias
        found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert session(fitted).embed(images()) == pytest.approx(found, abs=1e-5)
    stored = json.loads((fitted / "evaluation" / "held-out.json").read_text())
    again = evaluate_run(fitted, selection=CHOSEN)["held-out"].metrics
    assert again == pytest.approx(stored["metrics"])
    resume_run(fitted, selection=CHOSEN)


def test_fits_may_change_until_they_are_made(start, monkeypatch, settings):
    from georet.train import fitted as module

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "fit_behind", die)
        with pytest.raises(KeyboardInterrupt):
            start("run", "fits=[{name: whitening, dim: 4}]")
    run = start("other").with_name("run")

    def change(before, after):
        path = run / "config.yaml"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))
        (run / "vouched.json").unlink(missing_ok=True)

    change("dim: 4", "dim: 6")
    resume_run(run, selection=CHOSEN)
    assert session(run).identity.embed_dim == 6
    change("dim: 6", "dim: 5")
    with pytest.raises(ConfigError, match=r"another configuration: fits was"):
        resume_run(run, selection=CHOSEN)
