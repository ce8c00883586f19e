"""How much work fits the minutes: counted, not clocked, so that the same call plans the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch.utils.flop_counter import FlopCounterMode

from georet.contracts.encoding import MAP
from georet.encoder import Encoder
from georet.types import REFERENCE
from georet_ortho.adapting.base import Base, head_of
from georet_ortho.adapting.images import TURNS
from georet_ortho.adapting.learning import BATCH, epochs_for
from georet_ortho.adapting.settings import Settings

LEAST_PAIRS, MOST_PAIRS = 128, 6000
ELSEWHERE: Final = 600
"""So many photos, or as many as train, teach the encoder that is judged on ground held out."""
_CALIBRATING: Final = 400
_PHOTO_S, _RELIEF_S = 0.016, 0.012
_PIXEL_S, FINEST_PX = 2e-5, 400.0
"""A photo takes longer by so much for each of the map's pixels across a tile, up to so many."""
_VIEW_S, _CUT_S = 0.0023, 0.003
"""To turn a photo for the encoder, and to cut the tile beside it."""
_TRUNK_FLOPS, _HEAD_FLOPS = 24e9, 34e9
"""What one core of a laptop does in a second: thin convolutions, and small matrices of a head."""
_THERE_AND_BACK: Final = 3
_REST_S: Final = 22.0
_FITTED_S: Final = 9e-6
"""To fit radii and try them on halves: for each photo and tile."""


@dataclass(frozen=True)
class Costs:
    """Seconds of one core: to render a photo, for an image's map, for a pair's step of training.

    Nominal ones: operations counted, by what a core does. Another machine is faster or slower, and
    plans the same.
    """

    photo_s: float
    map_s: float
    step_s: float

    @property
    def view_s(self) -> float:
        """Seconds for a photo's map, with what turns the photo first."""
        return self.map_s + _VIEW_S


def costs_of(base: Base, settings: Settings, tile_px: float = FINEST_PX) -> Costs:
    """Return what the pieces of the work cost with a trunk, images of ``settings.size`` pixels."""
    encoder = base.fresh(0)
    trunk, head = _operations(encoder, settings.size)
    photo_s = _PHOTO_S + _PIXEL_S * min(tile_px, FINEST_PX) + (_RELIEF_S if settings.dsm else 0.0)
    # A pair has two images.
    return Costs(photo_s, trunk / _TRUNK_FLOPS, 2 * _THERE_AND_BACK * head / _HEAD_FLOPS)


def num_calibrating(judged: int) -> int:
    """Return how many photos beside the new ones that judge are rendered for the radii."""
    return max(0, min(3 * judged, _CALIBRATING) - judged)


def uses_gallery(num_tiles: int, pairs: int) -> bool:
    """Say whether photos are paired with the gallery's tiles, and not with ones cut for each.

    Its maps are there already; where they are few, others beside them teach more.
    """
    return num_tiles >= pairs


def work_of(settings: Settings, costs: Costs, num_tiles: int, pairs: int) -> dict[str, float]:
    """Return the seconds of one core that each part of the work takes, by its name."""
    tile_s = 0.0 if uses_gallery(num_tiles, pairs) else costs.map_s + _CUT_S
    pair_s = costs.photo_s + costs.view_s + tile_s
    elsewhere = min(pairs, ELSEWHERE)
    # Two and a half sets, told; one of them at all headings as well, half of it with nothing told.
    judged = settings.judged * (2.5 * 1.5 * costs.photo_s + (2.5 + 1.5 * TURNS) * costs.view_s)
    more = num_calibrating(settings.judged)
    radii = more * (1.5 * costs.photo_s + costs.view_s)
    radii += (settings.judged + more) * num_tiles * _FITTED_S
    return {
        "tiles": (1 + settings.gallery) * num_tiles * costs.map_s,
        "photos that judge": judged,
        "photos that calibrate": radii if settings.gallery else 0.0,
        "photos to train on": (pairs + elsewhere / 2) * pair_s,
        "training": sum(
            epochs_for(number) * (number // BATCH) * BATCH * costs.step_s
            for number in (pairs, elsewhere)
        ),
        "all else": _REST_S,
    }


def planned(
    settings: Settings, base: Base, num_tiles: int, tile_px: float = FINEST_PX
) -> tuple[Settings, Mapping[str, float]]:
    """Return the settings with as many pairs as fit the minutes, and the work that they mean.

    ``tile_px`` are the map's pixels across a tile: a fine map takes longer to render from.
    """
    costs = costs_of(base, settings, tile_px)
    pairs = settings.pairs or _affordable(settings, costs, num_tiles)
    found = work_of(settings, costs, num_tiles, pairs)
    return replace(settings, pairs=pairs), {name: round(each, 1) for name, each in found.items()}


def _affordable(settings: Settings, costs: Costs, num_tiles: int) -> int:
    """Return the greatest number of pairs whose work fits, by halves; at least 128."""
    low, high = LEAST_PAIRS, MOST_PAIRS
    while low < high:
        middle = (low + high + 1) // 2
        fits = sum(work_of(settings, costs, num_tiles, middle).values()) <= settings.minutes * 60
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _operations(encoder: Encoder, size: int) -> tuple[float, float]:
    """Return the floating-point operations of an image: up to its map, and of the head."""
    pixels = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    outputs: dict[str, torch.Tensor] = {}
    with torch.no_grad(), FlopCounterMode(display=False) as whole:
        encoder.features(REFERENCE, pixels, outputs=outputs)
    with torch.no_grad(), FlopCounterMode(display=False) as part:
        head_of(encoder)(outputs[MAP], None)
    own = float(part.get_total_flops())
    return float(whole.get_total_flops()) - own, own
