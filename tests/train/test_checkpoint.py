from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from georet.errors import DataError, IntegrityError
from georet.train.checkpoint import (
    load_checkpoint,
    load_optimizer,
    load_weights,
    optimizer_tensors,
    save_checkpoint,
)
from georet.train.mining import save_bank
from georet.types import EmbeddingBank


def save(run_dir: Path, step: int, *, is_best: bool = False) -> Path:
    tensors = {"encoder": {"weight": torch.full((3,), float(step))}}
    return save_checkpoint(run_dir, tensors, {"step": step}, is_best=is_best)


def test_last_and_best_are_kept_and_the_others_removed(tmp_path: Path) -> None:
    for step in range(4):
        save(tmp_path, step, is_best=step == 1)
    folders = sorted(p.name for p in (tmp_path / "checkpoints").iterdir() if p.is_dir())
    assert folders == ["step-00000001", "step-00000003"]
    assert load_checkpoint(tmp_path, "best").state["step"] == 1
    assert load_checkpoint(tmp_path).tensors["encoder"]["weight"].tolist() == [3, 3, 3]


def test_the_same_step_can_be_saved_again(tmp_path: Path) -> None:
    save(tmp_path, 1)
    again = save(tmp_path, 1)
    assert load_checkpoint(tmp_path).path == again


@pytest.mark.parametrize("name", ["encoder.safetensors", "state.json"])
def test_a_flipped_bit_is_found(tmp_path: Path, name: str) -> None:
    path = save(tmp_path, 1) / name
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match=name):
        load_checkpoint(tmp_path)


def test_a_manifest_that_can_not_be_read_is_an_integrity_error(tmp_path: Path) -> None:
    (save(tmp_path, 1) / "manifest.json").write_text("{")
    with pytest.raises(IntegrityError, match="manifest"):
        load_checkpoint(tmp_path)


def test_a_pointer_can_not_lead_out_of_the_run(tmp_path: Path) -> None:
    save(tmp_path, 1)
    pointer = tmp_path / "checkpoints" / "last.json"
    pointer.write_text(json.dumps({"checkpoint": "../../elsewhere"}))
    with pytest.raises(IntegrityError):
        load_checkpoint(tmp_path)


def test_a_run_without_checkpoint_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--resume"):
        load_checkpoint(tmp_path)


def test_weights_of_another_network_are_refused_with_what_does_not_fit() -> None:
    with pytest.raises(DataError) as caught:
        load_weights(
            nn.Linear(2, 2), {"weight": torch.zeros(3, 2), "gain": torch.zeros(1)}, where="x"
        )
    message = str(caught.value)
    assert "bias is missing" in message
    assert "gain is unknown" in message
    assert "(3, 2)" in message


def test_the_optimisers_state_survives_the_way_through_tensors() -> None:
    network = nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    names = dict(network.named_parameters())
    tensors = {k: v.clone() for k, v in optimizer_tensors(optimizer, names).items()}
    assert {k.split("/")[0] for k in tensors} == {"step", "exp_avg", "exp_avg_sq"}
    fresh = torch.optim.AdamW(network.parameters())
    load_optimizer(fresh, names, tensors, where="here")
    again = optimizer_tensors(fresh, names)
    assert all(torch.equal(again[name], tensor) for name, tensor in tensors.items())


def test_a_fused_optimiser_goes_on_with_channels_last_as_if_it_had_not_stopped() -> None:
    # A file has rows first; fused kernels go through memory and take what lies there.
    torch.manual_seed(0)
    network = nn.Conv2d(6, 8, 3).to(memory_format=torch.channels_last)
    names = dict(network.named_parameters())
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    image = torch.randn(2, 6, 5, 5)

    def step(own: torch.optim.Optimizer) -> torch.Tensor:
        own.zero_grad()
        network(image).square().sum().backward()
        own.step()
        return network.weight.detach().clone()

    step(optimizer)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    kept = optimizer_tensors(optimizer, names).items()
    tensors = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in kept}
    expected = step(optimizer)
    network.load_state_dict(before)
    fresh = torch.optim.AdamW(network.parameters(), fused=True)
    load_optimizer(fresh, names, tensors, where="here")
    assert torch.equal(step(fresh), expected)


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_leaves_the_last_checkpoint_and_says_so(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"encoder": {"w": torch.zeros(2)}}, {"step": 1}, is_best=True)
    large = {"encoder": {"w": torch.zeros(10_000)}}
    with pytest.raises(DataError, match="step-00000002: can't be written"):
        save_checkpoint(tmp_path, large, {"step": 2}, is_best=True)
    assert load_checkpoint(tmp_path).path.name == "step-00000001"
    assert not [path for path in (tmp_path / "checkpoints").iterdir() if path.suffix == ".tmp"]


@pytest.mark.usefixtures("small_disk")
def test_a_bank_that_a_full_disk_does_not_take_is_named(tmp_path: Path) -> None:
    large = np.zeros((100, 64), np.float32)
    with pytest.raises(DataError, match=r"mined-3\.safetensors: can't be written.*too large"):
        save_bank(tmp_path, EmbeddingBank(large, large.copy(), 3, key="mined-3"))
    assert list((tmp_path / "banks").iterdir()) == []
