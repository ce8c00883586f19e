"""A backbone that trains and can't be exported is told of before hours are spent on it."""

from __future__ import annotations

import pytest
import torch
import yaml

from georet.cli import main
from georet.commands.exportable import unexportable, unexportable_backbones
from georet.commands.training import start_run
from georet.configure import configure
from georet.plugins import Selection
from georet.plugins.entry import Entry
from georet.train.setup import make_encoder

BACKBONE = """
import torch
from georet import Component, hookimpl


class Fine(torch.nn.Module):
    mean = std = (0.5, 0.5, 0.5)

    def __init__(self) -> None:
        super().__init__()
        self.embed_dim = 8
        self.stem = torch.nn.Conv2d(3, 8, kernel_size=8, stride=8)

    def forward(self, images):
        return self.stem(images).mean(dim=(2, 3))


class Length(Fine):
    def forward(self, images):
        means = super().forward(images)
        return means.reshape(len(means), -1)


class Asks(Fine):
    def forward(self, images):
        means = super().forward(images)
        return means if means.sum() > 0 else -means


@hookimpl
def georet_backbones():
    yield Component("fine", Fine, summary="Can be exported")
    yield Component("length", Length, summary="Makes a number of the batch size")
    yield Component("asks", Asks, summary="Branches on values")
"""
LINES = {
    "length": "return means.reshape(len(means), -1)",
    "asks": "return means if means.sum() > 0 else -means",
}


@pytest.fixture
def configured(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(BACKBONE)

    def made(name, *overrides):
        return configure(
            selection=Selection.of(["sample4geo", str(path)]),
            recipe="sample4geo/orbitview",
            overrides=[f"encoder.backbone={{name: mine:{name}}}", "device=cpu", *overrides],
        )

    return made


@pytest.mark.parametrize("name", LINES)
def test_what_cannot_be_exported_is_warned_of_with_component_and_line(configured, name, tmp_path):
    (text,) = unexportable_backbones(*configured(name))
    assert text.startswith("warning: onnx: the encoder can be trained, not exported: ")
    number = 1 + [line.strip() for line in BACKBONE.splitlines()].index(LINES[name])
    assert f"backbones 'mine:{name}' of plugin 'mine'" in text
    assert f"({tmp_path / 'mine.py'}:{number}, `{LINES[name]}`)" in text
    assert "--set encoder.check_export=false" in text


def test_what_can_be_exported_is_not_warned_of(configured):
    assert list(unexportable_backbones(*configured("fine"))) == []


def test_the_trial_can_be_left_out(configured):
    assert list(unexportable_backbones(*configured("asks", "encoder.check_export=false"))) == []


def test_without_the_extra_nothing_is_said(configured, monkeypatch):
    config, plugins = configured("asks")
    encoder = make_encoder(config, plugins, ["query", "reference"])
    assert len(list(unexportable(encoder, config, plugins))) == 1
    monkeypatch.setattr(Entry, "missing", ("onnx",))
    assert list(unexportable(encoder, config, plugins)) == []


def test_the_trial_leaves_the_encoder_and_chance_as_they_were(configured):
    config, plugins = configured("length")
    encoder = make_encoder(config, plugins, ["query", "reference"]).train()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    state = torch.random.get_rng_state()
    assert len(list(unexportable(encoder, config, plugins))) == 1
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(module.training for module in encoder.modules())
    assert all(torch.equal(tensor, before[n]) for n, tensor in encoder.state_dict().items())


def test_validate_warns_and_still_finds_the_configuration_valid(configured, tmp_path, capsys):
    configured("length")
    code = main(
        [
            *("config", "validate", "--recipe", "sample4geo/orbitview"),
            *("--plugins", f"sample4geo,{tmp_path / 'mine.py'}"),
            *("--set", "encoder.backbone={name: 'mine:length'}"),
        ]
    )
    captured = capsys.readouterr()
    assert code == 0
    assert "warning: onnx: " in captured.err
    assert captured.out.startswith("valid: ")


def test_a_run_warns_before_it_trains_and_trains(configured, settings, tmp_path, capsys):
    configured("asks")
    settings["encoder"]["backbone"]["name"] = "mine:asks"
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(settings))
    plugins = ["sample4geo", "georet.testing.plugin", str(tmp_path / "mine.py")]
    run = start_run(
        selection=Selection.of(plugins),
        path=tmp_path / "run.yaml",
        overrides=["train.epochs=1"],
        out=tmp_path / "run",
    )
    said = capsys.readouterr().err
    assert said.index("warning: onnx: the encoder can be trained") < said.index("report ")
    assert (run / "report.html").is_file()
