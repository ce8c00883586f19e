"""``georet fit``: linear maps behind a run that is trained, in a run of its own."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

from georet.cli import main
from georet.commands.fitting import fit_run
from georet.commands.judging import evaluate_run
from georet.commands.training import resume_run, start_run
from georet.errors import ComponentError, ConfigError, DataError, UsageError
from georet.plugins import Selection
from georet.sessions import SessionSpec
from georet.train.checkpoint import load_checkpoint
from georet.vouching import check_vouched

PLUGINS = ["sample4geo", "georet.testing.plugin"]
CHOSEN = Selection.of(PLUGINS)
WITH = ["whitening:dim=8", "procrustes"]
SAME = "fits=[{name: whitening, dim: 8}, procrustes]"


@pytest.fixture
def start(tmp_path, settings):
    """Return a function that trains a run ``name`` with the given --set overrides."""

    def started(name, *overrides):
        path = tmp_path / "settings.yaml"
        path.write_text(yaml.safe_dump(settings))
        return start_run(selection=CHOSEN, path=path, overrides=overrides, out=tmp_path / name)

    return started


def tensors(run):
    return load_checkpoint(run).tensors


def events(run):
    return [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]


def figures(run, name="held-out"):
    return json.loads((run / "evaluation" / f"{name}.json").read_text())["metrics"]


@pytest.mark.parametrize("ema", [(), ("train.ema={decay: 0.5}",)])
def test_it_is_the_run_that_training_with_these_fits_would_have_made(start, tmp_path, ema):
    trained = start("trained", SAME, *ema)
    for begun in (start("plain", *ema), start("other", "fits=[{name: pca, dim: 5}]", *ema)):
        found = fit_run(begun, WITH, tmp_path / f"{begun.name}-fitted", selection=CHOSEN)
        for group, wanted in tensors(trained).items():
            assert wanted.keys() == tensors(found)[group].keys()
            for name, tensor in wanted.items():
                assert np.array_equal(tensor, tensors(found)[group][name]), (group, name)
        assert events(found) == events(trained)
        assert figures(found) == figures(trained)
        assert figures(found, "without-fits/held-out") == figures(trained, "without-fits/held-out")
        assert check_vouched(found) > 5
        assert (found / "report.html").is_file()


def test_the_new_run_is_one_like_any_other_and_the_old_one_stays(start, tmp_path):
    plain = start("plain")
    before = {p: p.read_bytes() for p in sorted(plain.rglob("*")) if p.is_file()}
    found = fit_run(plain, ["whitening:dim=4"], tmp_path / "white", selection=CHOSEN)
    assert {p: p.read_bytes() for p in sorted(plain.rglob("*")) if p.is_file()} == before
    again = evaluate_run(found, selection=CHOSEN)["held-out"].metrics
    assert again == pytest.approx(figures(found))
    session = SessionSpec(found, "query", selection=CHOSEN).open()
    assert session.identity.embed_dim == 4
    resume_run(found, selection=CHOSEN)  # finished: nothing is left to do
    manifest = json.loads((found / "manifest.json").read_text())
    assert manifest["fitted_from"]["run"] == str(plain)
    assert len(manifest["fitted_from"]["weights_sha256"]) == 64
    assert manifest["finished"]
    twice = fit_run(found, ["pca:dim=6"], tmp_path / "pca", selection=CHOSEN)
    assert SessionSpec(twice, "query", selection=CHOSEN).open().identity.embed_dim == 6
    best = fit_run(plain, ["pca:dim=6"], tmp_path / "best", which="best", selection=CHOSEN)
    assert load_checkpoint(best).state["is_trained"]


def test_maps_may_be_fitted_to_another_data_set(start, tmp_path, settings):
    plain = start("plain")
    other = settings["dataset"] | {"root": str(tmp_path / "other"), "seed": 7}
    found = fit_run(
        plain,
        ["whitening:dim=4"],
        tmp_path / "other-white",
        selection=CHOSEN,
        overrides=[f"dataset={json.dumps(other)}"],
    )
    own = fit_run(plain, ["whitening:dim=4"], tmp_path / "own-white", selection=CHOSEN)
    name = "fitted.query.0.weight"
    assert not np.array_equal(tensors(found)["encoder"][name], tensors(own)["encoder"][name])
    resume_run(found, selection=CHOSEN)


@pytest.mark.parametrize(
    ("fits", "options", "error", "said"),
    [
        (["whitenin"], {}, ComponentError, "did you mean 'whitening'"),
        (["whitening:dims=4"], {}, ConfigError, "did you mean 'dim'"),
        (["pca:dim=100"], {}, ConfigError, "100 is more than the 32 values"),
        (["pca"], {"overrides": ["train.lr=1"]}, UsageError, "'train.lr' can't be changed here"),
        (["pca"], {"which": "last-average"}, UsageError, "--checkpoint: fits can't be made"),
    ],
)
def test_what_can_not_be_fitted_leaves_nothing_behind(start, tmp_path, fits, options, error, said):
    plain = start("plain")
    with pytest.raises(error, match=said):
        fit_run(plain, fits, tmp_path / "out", selection=CHOSEN, **options)
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_a_run_in_training_and_no_run_are_refused(start, tmp_path, monkeypatch):
    plain = start("plain")
    with pytest.raises(UsageError, match="plain: is not empty"):
        fit_run(plain, ["pca"], plain, selection=CHOSEN)
    with pytest.raises(DataError, match="no run here"):
        fit_run(tmp_path / "none", ["pca"], tmp_path / "out", selection=CHOSEN)
    from georet.train.judge import Judge

    def die(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Judge, "final", die)
        with pytest.raises(KeyboardInterrupt):
            start("killed")
    with pytest.raises(UsageError, match="killed: its training is not over"):
        fit_run(tmp_path / "killed", ["pca"], tmp_path / "out", selection=CHOSEN)


def test_one_that_was_stopped_goes_on_by_resume(start, tmp_path, monkeypatch):
    from georet.errors import Interrupted
    from georet.train import fitted

    plain = start("plain")

    def stop(*_):
        raise Interrupted("stopped", hint="by a signal")

    with monkeypatch.context() as patch:
        patch.setattr(fitted, "fit_behind", stop)
        with pytest.raises(Interrupted, match=r"--resume .*white"):
            fit_run(plain, ["whitening:dim=4"], tmp_path / "white", selection=CHOSEN)
    resume_run(tmp_path / "white", selection=CHOSEN)
    whole = fit_run(plain, ["whitening:dim=4"], tmp_path / "whole", selection=CHOSEN)
    assert (tmp_path / "white/events.jsonl").read_bytes() == (whole / "events.jsonl").read_bytes()


def test_the_command_line_says_what_it_made(start, tmp_path, capsys):
    plain, out = start("plain"), tmp_path / "white"
    arguments = ["fit", str(plain), "--with", "whitening:dim=4", "--out", str(out)]
    assert main([*arguments, "--plugins", ",".join(PLUGINS)]) == 0
    assert "held-out" in capsys.readouterr().out
    assert main([*arguments, "--plugins", ",".join(PLUGINS)]) == 2
    assert "is not empty" in capsys.readouterr().err
