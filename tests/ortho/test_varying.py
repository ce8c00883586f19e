"""How training changes pairs, so that what is learnt is not the places themselves."""

from __future__ import annotations

import numpy as np
import torch

from georet_ortho.adapting.varying import turned, varied


def test_maps_are_turned_each_in_its_own_way():
    maps = torch.arange(8 * 9, dtype=torch.float32).view(8, 1, 3, 3)
    found = turned(maps, np.arange(8))
    assert torch.equal(found[0], maps[0])
    assert torch.equal(found[2, 0], maps[2, 0].flip(0, 1))
    assert torch.equal(found[4, 0], maps[4, 0].flip(1))
    assert len({tuple(one.flatten().tolist()) for one in turned(maps[:1].repeat(8, 1, 1, 1),
                                                               np.arange(8))}) == 8  # fmt: skip
    wide = torch.zeros(2, 1, 3, 5)
    assert turned(wide, np.array([1, 3])).shape == wide.shape


def numbered(number: int) -> torch.Tensor:
    """Maps [number, 3, 8, 8], each of one value of its own: 0, 1, 2 ..."""
    return torch.arange(number, dtype=torch.float32).view(-1, 1, 1, 1).repeat(1, 3, 8, 8)


def test_a_strip_of_another_pair_lies_alike_in_photo_and_tile():
    maps, still = numbered(64), torch.zeros(3, 1, 1)
    photos, tiles = varied(maps + 100, maps, still, np.random.default_rng(0))
    # Channels of photos are scaled too; what is other ground shows all the same.
    patched = tiles[:, 0] != tiles[:, 0].flatten(1).median(dim=1).values.view(-1, 1, 1)
    scale = photos[:, 0] / (tiles[:, 0] + 100)
    assert torch.allclose(scale, scale[:, :1, :1].expand_as(scale), rtol=1e-4)
    share = patched.flatten(1).float().mean(dim=1)
    assert 0.5 < (share > 0).float().mean() < 0.85
    assert share.max() <= 0.5
    assert share[share > 0].min() >= 0.25


def test_channels_of_photos_are_shaken_as_far_as_they_spread():
    maps, spread = torch.ones(512, 2, 4, 4), torch.tensor([0.0, 5.0])[:, None, None]
    rng = np.random.default_rng(0)
    photos, tiles = varied(maps, maps, spread, rng)
    assert torch.equal(tiles, maps)
    values = photos[:, :, 0, 0]
    assert torch.equal(photos, values[:, :, None, None].expand_as(photos))
    assert torch.allclose(values.std(dim=0), torch.tensor([0.2, 1.02]), rtol=0.12)
    assert torch.allclose(values.mean(dim=0), torch.ones(2), atol=0.15)
