"""Released checkpoints become runs: every tensor in its place, or a list of what did not fit."""

from __future__ import annotations

import json
import math
import pickle

import pytest
import timm
import torch

from georet.cli import main
from georet.configure import load_resolved
from georet.errors import DataError
from georet.plugins import load_plugins
from georet.train.checkpoint import load_checkpoint
from georet.train.saving import load_encoder
from georet.types import QUERY, REFERENCE
from georet_sample4geo.released import import_released

SMALL, BASE = "test_convnext", "convnext_base.fb_in22k_ft_in1k_384"
SCALE = math.log(23.5)


def network(model=SMALL):
    torch.manual_seed(1)
    return timm.create_model(model, num_classes=0).eval()


def released(net, **changes):
    tensors = {f"model.{name}": value for name, value in net.state_dict().items()}
    return {"logit_scale": torch.tensor(SCALE)} | tensors | changes


@pytest.fixture
def save(tmp_path):
    def save_as(tensors, name="weights.pth"):
        torch.save(tensors, tmp_path / name)
        return tmp_path / name

    return save_as


def encoder_of(run_dir):
    config = load_resolved(run_dir / "config.yaml")
    config = config.model_copy(update={"device": "cpu"})
    return load_encoder(run_dir, "last", config, load_plugins(["sample4geo", "datasets"])).eval()


def check_same(run_dir, net, size=64):
    encoder = encoder_of(run_dir)
    pixels = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for view in (QUERY, REFERENCE):
            assert torch.equal(encoder.branch(view).backbone(pixels), net(pixels))
    assert encoder.log_scale.item() == pytest.approx(SCALE)
    branch = encoder.branch(QUERY)
    mean, std = (torch.tensor(net.pretrained_cfg[key]) for key in ("mean", "std"))
    assert torch.allclose(branch.scale.ravel(), 1 / (255 * std))
    assert torch.allclose(branch.shift.ravel(), -mean / std)


def test_the_imported_encoder_gives_exactly_what_timm_gives(save, tmp_path):
    net = network()
    done = import_released(save(released(net)), model=SMALL, out=tmp_path / "run")
    assert done.num_tensors == len(net.state_dict())
    assert (done.left_out, done.logit_scale) == ((), pytest.approx(SCALE))
    check_same(tmp_path / "run", net)


@pytest.mark.slow
def test_a_checkpoint_of_the_published_network_is_imported_exactly(save, tmp_path):
    net = network(BASE)
    import_released(save(released(net)), model=BASE, out=tmp_path / "run")
    check_same(tmp_path / "run", net)


def test_the_run_says_where_it_comes_from(save, tmp_path):
    weights = save(released(network()))
    import_released(weights, model=SMALL, out=tmp_path / "run", recipe="sample4geo/vigor-cross")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["imported"]["file"] == "weights.pth"
    assert len(manifest["imported"]["sha256"]) == 64
    assert manifest["recipe"] == "sample4geo/vigor-cross"
    assert "datasets" in json.loads((tmp_path / "run" / "plugins.json").read_text())
    state = load_checkpoint(tmp_path / "run", "best").state
    assert state["is_finished"]
    assert state["bare_options"]["shared"]["weights"] == "none"


def test_weights_saved_under_data_parallelism_are_the_same(save, tmp_path):
    net = network()
    wrapped = {f"module.{name}": value for name, value in released(net).items()}
    import_released(save(wrapped), model=SMALL, out=tmp_path / "run")
    check_same(tmp_path / "run", net)


def test_a_classifier_is_left_out_and_named(save, tmp_path):
    extra = {"model.head.fc.weight": torch.zeros(3, 64), "model.head.fc.bias": torch.zeros(3)}
    done = import_released(save(released(network(), **extra)), model=SMALL, out=tmp_path / "run")
    assert done.left_out == ("head.fc.weight", "head.fc.bias")
    check_same(tmp_path / "run", network())


def test_what_does_not_fit_is_listed_and_nothing_is_written(save, tmp_path):
    tensors = released(network(), **{"model.stem.0.bias": torch.zeros(5)})
    first = next(name for name in tensors if name.endswith("conv_dw.weight"))
    del tensors[first]
    tensors["model.neck.weight"] = torch.zeros(2)
    with pytest.raises(DataError) as raised:
        import_released(save(tensors), model=SMALL, out=tmp_path / "run")
    text = str(raised.value)
    assert "3 tensors do not fit" in text
    assert f"{first.removeprefix('model.')} is missing" in text
    assert "neck.weight is not in the network" in text
    assert "stem.0.bias has shape (5,)" in text
    assert not (tmp_path / "run").exists()


def test_a_logit_scale_that_is_no_number_is_refused(save, tmp_path):
    weights = save(released(network(), logit_scale=torch.zeros(2)))
    with pytest.raises(DataError, match="logit_scale has shape"):
        import_released(weights, model=SMALL, out=tmp_path / "run")


def test_code_in_the_file_is_not_run(tmp_path):
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps({"model.x": print}))
    with pytest.raises(DataError):
        import_released(path, model=SMALL, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_eval_accepts_an_imported_run(save, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("GEORET_PLUGINS", raising=False)
    weights, run = save(released(network())), str(tmp_path / "run")
    made = ["import", "sample4geo", str(weights), "--model", SMALL, "--out", run]
    assert main(made) == 0, capsys.readouterr().err
    assert f"tensors of weights.pth are in {run}" in capsys.readouterr().out
    tiny = f"dataset={{name: tiny, root: '{tmp_path}', num_places: 4, num_held_out: 4, size: 32}}"
    sets = ["--set", tiny, "--set", "data.size={query: [32, 32], reference: [32, 32]}"]
    plugins = ["--plugins", "sample4geo,georet.testing.plugin"]
    code = main(["eval", run, *plugins, *sets, "--set", "data.workers=0", "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    (record,) = json.loads(captured.out)
    assert record["num_queries"] == 4
    assert main(made) == 2
    assert "a run in this folder already" in capsys.readouterr().err
