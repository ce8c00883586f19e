"""Pairs as training shows them, on their maps: turned, put together anew, seen otherwise."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

from georet.types import Ints

_TURNS, _TURNED = 8, 0.5
_PATCHED: Final = 0.7
_SHAKEN: Final = 0.2


def varied(
    photos: Tensor, tiles: Tensor, spread: Tensor, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Return maps [B, C, h, w] of photos and their tiles, float32, as no place and no day has them.

    Photos are north up. Half of the pairs are turned by quarters and mirrored, photo and tile
    alike. 0.7 of the pairs have a strip along one side, a quarter to half of the map wide, from
    another pair: ground that is nowhere, so that places do not run out (CutMix, arXiv 1905.04899,
    for pairs). Each channel of a photo is scaled, and shifted by a share of its ``spread``
    [C, 1, 1] over the area, as light and season do.
    """
    turns = np.where(rng.random(len(photos)) < _TURNED, rng.integers(_TURNS, size=len(photos)), 0)
    photos, tiles = turned(photos, turns).float(), turned(tiles, turns).float()
    others = torch.from_numpy(rng.permutation(len(photos)))
    strip = _strips(photos, rng)
    photos = torch.where(strip, photos[others], photos)
    tiles = torch.where(strip, tiles[others], tiles)
    noise = rng.normal(0, _SHAKEN, (2, *photos.shape[:2], 1, 1)).astype(np.float32)
    scale, shift = torch.from_numpy(noise)
    return photos * (1 + scale) + shift * spread, tiles


def turned(maps: Tensor, turns: Ints) -> Tensor:
    """Return maps [B, C, h, w], each in one of the eight ways in which a square lies on itself."""
    is_square = maps.shape[2] == maps.shape[3]
    found = []
    for each, turn in zip(maps, turns.tolist(), strict=True):
        mirrored = each.flip(2) if turn & 4 else each
        # What is no square would have another shape, turned by a quarter.
        found.append(torch.rot90(mirrored, turn & 3 if is_square else turn & 2, (1, 2)))
    return torch.stack(found)


def _strips(maps: Tensor, rng: np.random.Generator) -> Tensor:
    """Return bool[B, 1, h, w]: where each map is to be another's, nowhere in three of ten."""
    height, width = maps.shape[2:]
    found = torch.zeros(len(maps), 1, height, width, dtype=torch.bool)
    for each in found[:, 0]:
        share, side = rng.uniform(0.25, 0.5), int(rng.integers(4))
        if rng.random() < _PATCHED:
            lines = each if side < 2 else each.T
            wide = max(1, round(share * len(lines)))
            lines[slice(wide) if side % 2 else slice(len(lines) - wide, None)] = True
    return found
