"""BatchNorms that count the batches of all ranks are otherwise the ones that they were."""

from __future__ import annotations

import copy
import re

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from georet.errors import ConfigError
from georet.train.stepping.sharable import has_batch_statistics, synchronised
from georet_sample4geo.backbones import TimmBackbone


@pytest.mark.parametrize("model", ["efficientnet_lite0", "resnet18"])
def test_a_network_computes_what_it_did_activations_included(model: str) -> None:
    torch.manual_seed(0)
    network = TimmBackbone(model=model, weights="none")
    before = copy.deepcopy(network).eval()
    changed = synchronised(network).eval()
    norms = [m for m in changed.modules() if isinstance(m, _BatchNorm)]
    assert norms
    assert all(isinstance(norm, nn.SyncBatchNorm) for norm in norms)
    assert changed.state_dict().keys() == before.state_dict().keys()
    images = torch.randn(2, 3, 64, 64)
    assert torch.equal(changed(images), before(images))


def test_frozen_statistics_stay_frozen() -> None:
    network = TimmBackbone(model="efficientnet_lite0", weights="none", freeze_batchnorm=True)
    assert not has_batch_statistics(network)
    assert not has_batch_statistics(synchronised(network))


def test_a_batchnorm_of_somebodys_own_kind_is_refused_by_its_place() -> None:
    class Odd(nn.BatchNorm2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x).sin()

    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(Odd(4)))
    with pytest.raises(ConfigError, match=re.escape("no Odd is known")) as caught:
        synchronised(network)
    assert caught.value.where == "encoder, 1.0"
