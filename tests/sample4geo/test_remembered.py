"""What a frozen trunk made of images is kept while training, and changes nothing but the time."""

from __future__ import annotations

import copy

import pytest
import torch

from georet.errors import ConfigError
from georet_sample4geo.backbones import TimmBackbone
from georet_sample4geo.remembered import GROUP

FROZEN = {"model": "test_efficientnet", "weights": "none", "stage": 1, "freeze_stages": 2}


def backbone(**options):
    torch.manual_seed(0)
    return TimmBackbone(**FROZEN | {"head": "conv", "embed_dim": 8, "remember_mb": 50} | options)


def images(num, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, 3, 32, 32, generator=generator)


def counted(network):
    """Return a list that grows by the number of images that pass the trunk at a time."""
    passed = []
    network.trunk.register_forward_pre_hook(lambda _, seen: passed.append(len(seen[0])))
    return passed


def test_remembering_changes_features_by_no_more_than_rounding():
    network, plain, some = backbone(), backbone(remember_mb=0), images(6)
    expected = plain(some)
    torch.testing.assert_close(network(some), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network(some), expected, rtol=1e-4, atol=1e-5)
    assert network.state_dict().keys() == plain.state_dict().keys()


def test_an_image_passes_the_trunk_once_and_its_flip_is_another_image():
    network = backbone()
    passed = counted(network)
    some = images(2 * GROUP)
    network(some)
    network(some.flip(0))
    assert passed == [GROUP, GROUP]
    network(some[:1].flip(3))
    assert passed == [GROUP, GROUP, GROUP]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_features_are_the_same_bits_whatever_is_remembered_and_stands_beside_an_image(layout):
    some = images(7).contiguous(memory_format=layout)
    first, second = backbone(), backbone()
    whole = first(some)
    second(some[[5, 0, 6]])
    again = second(some)
    assert torch.equal(whole, again)
    order = torch.tensor([3, 3, 6, 1, 0, 2, 5])
    mixed = backbone()(some[order])
    assert torch.equal(mixed, backbone()(some[order]))
    known = first(some[order])
    assert torch.equal(mixed, known)


def test_gradients_reach_the_head_through_what_is_remembered():
    network, some = backbone(), images(4)
    network(some)
    network(some).square().sum().backward()
    trained = [p for p in network.parameters() if p.requires_grad]
    assert trained
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trained)


def test_beyond_the_limit_images_are_computed_anew():
    network = backbone(model="test_efficientnet", remember_mb=1)
    passed = counted(network)
    some = torch.randn(4, 3, 256, 256)
    bytes_an_image = network.trunk(some[:1])[0].numel() * 4
    assert 250_000 < bytes_an_image < 1_000_000
    passed.clear()
    for _ in range(2):
        network(some)
    assert passed == [GROUP, GROUP]


def test_an_encoder_that_judges_remembers_nothing():
    network = backbone().eval()
    passed = counted(network)
    for _ in range(2):
        network(images(3))
    assert passed == [3, 3]


def test_a_copy_shares_the_memory():
    network = backbone()
    network(images(4))
    twin = copy.deepcopy(network)
    passed = counted(twin)
    twin(images(4))
    assert passed == []


@pytest.mark.parametrize("options", [{"freeze_stages": 1}, {"stage": None, "freeze_stages": 3}])
def test_only_a_trunk_that_is_frozen_as_a_whole_can_be_remembered(options):
    with pytest.raises(ConfigError, match="wholly frozen"):
        backbone(**options)
