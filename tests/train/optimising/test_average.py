from __future__ import annotations

import pytest
import torch
from torch import nn

from georet.config import AverageConfig
from georet.train.optimising.average import Average


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.norm = nn.BatchNorm1d(2)


def step(network: nn.Module) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter))
    network.norm(torch.randn(8, 2))


def states(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def test_the_average_follows_weights_and_running_statistics_and_copies_counters():
    torch.manual_seed(0)
    network = Network()
    average = Average(network, AverageConfig(decay=0.9, warmup=False))
    expected = states(network)
    for _ in range(5):
        step(network)
        average.update()
        for name, now in network.state_dict().items():
            kept = 0.9 * expected[name] + 0.1 * now if now.is_floating_point() else now.clone()
            expected[name] = kept
    assert average.tensors["norm.num_batches_tracked"] == 5
    assert not torch.equal(average.tensors["norm.running_var"], network.norm.running_var)
    for name, tensor in average.tensors.items():
        torch.testing.assert_close(tensor, expected[name])


def test_the_warm_up_lets_go_of_the_first_weights_soon():
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 100.0)
    average = Average(network, AverageConfig(decay=0.999))
    plain = Average(network, AverageConfig(decay=0.999, warmup=False))
    nn.init.zeros_(network.weight)
    kept = 100.0
    for update in range(1, 41):
        average.update()
        plain.update()
        kept *= (1 + update) / (10 + update)
    assert average.tensors["weight"].item() == pytest.approx(kept, rel=1e-4)
    assert kept < 0.01
    assert plain.tensors["weight"].item() > 90


def test_the_encoder_has_the_average_inside_and_its_own_weights_after_to_the_byte():
    torch.manual_seed(0)
    network = Network()
    average = Average(network, AverageConfig(decay=0.5))
    step(network)
    average.update()
    own, averaged = states(network), {n: t.clone() for n, t in average.tensors.items()}
    with average.applied():
        assert all(torch.equal(t, averaged[n]) for n, t in network.state_dict().items())
    assert all(torch.equal(t, own[n]) for n, t in network.state_dict().items())
    assert all(torch.equal(t, averaged[n]) for n, t in average.tensors.items())


def test_the_trained_weights_come_back_when_what_is_inside_breaks():
    network = Network()
    average = Average(network, AverageConfig(decay=0.5))
    step(network)
    own = states(network)
    with pytest.raises(KeyError), average.applied():
        raise KeyError
    assert all(torch.equal(t, own[n]) for n, t in network.state_dict().items())
