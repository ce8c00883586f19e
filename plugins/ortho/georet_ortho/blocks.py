"""Parts of an area that are held out: whole blocks, with a rim that no training photo shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.errors import DataError
from georet.ground.region import Region
from georet.ground.tangent import Tangent
from georet.types import Bools, Doubles

_SIDES_A_BLOCK: Final = (3.0, 12.0)
_BLOCKS_ACROSS: Final = 4
_SHARE: Final = 0.25
_LEAST_PLACES: Final = 4


@dataclass(frozen=True)
class Blocks:
    """Which ground is held out: square blocks of ``block_m``, or what a region says.

    ``held`` are the block numbers (column, row) int64[H, 2], counted in the plane of ``plane``.
    """

    plane: Tangent
    block_m: float
    held: frozenset[tuple[int, int]]
    region: Region | None = None

    def is_held(self, latlon: Doubles) -> Bools:
        """Return bool[N]: whether places [N, 2] lie on ground held out."""
        if self.region is not None:
            return self.region.mask(latlon)
        cells = np.floor(self.plane.metres(latlon) / self.block_m).astype(np.int64)
        return np.array([tuple(cell) in self.held for cell in cells.tolist()], np.bool_)

    def is_clear(self, latlon: Doubles, rim_m: float) -> Bools:
        """Return bool[N]: whether nothing within ``rim_m`` of places [N, 2] is held out."""
        metres = self.plane.metres(latlon)
        turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        ring = np.stack([np.cos(turns), np.sin(turns)], axis=-1)
        clear = ~self.is_held(latlon)
        for share in (0.5, 1.0):
            around = (metres[:, None] + share * rim_m * ring).reshape(-1, 2)
            held = self.is_held(self.plane.latlon(around)).reshape(len(latlon), -1)
            clear &= ~held.any(axis=1)
        return clear


def held_blocks(centres_latlon: Doubles, side_m: float, seed: int) -> Blocks:
    """Return a quarter of the blocks of an area, drawn by ``seed``; centres [R, 2] are its tiles.

    Blocks are a quarter of the area's shorter side wide, at least 3 tiles and at most 12. DataError
    where the area is too small to hold anything out.
    """
    plane = Tangent(*np.median(centres_latlon, axis=0).tolist())
    metres = plane.metres(centres_latlon)
    low, high = metres.min(axis=0) - side_m / 2, metres.max(axis=0) + side_m / 2
    shorter = float((high - low).min())
    least, most = (sides * side_m for sides in _SIDES_A_BLOCK)
    block_m = float(np.clip(shorter / _BLOCKS_ACROSS, least, most))
    # Counted from the south-western corner, so that no block is a sliver there.
    origin = plane.latlon(low[None])[0]
    plane = Tangent(*origin.tolist())
    cells, counts = np.unique(
        np.floor(plane.metres(centres_latlon) / block_m).astype(np.int64),
        axis=0,
        return_counts=True,
    )
    usable = np.flatnonzero(counts >= _LEAST_PLACES)
    if len(usable) < 2:
        raise DataError(
            "the area is too small to hold a part of it out",
            where=f"{len(centres_latlon)} tiles of {side_m:g} m",
            hint="Choose smaller tiles or more overlap; at least 6 tile sides across are needed.",
        )
    order = np.random.default_rng([seed, 77]).permutation(usable)
    wanted, held, num = _SHARE * counts.sum(), set[tuple[int, int]](), 0
    for at in order[: len(usable) - 1].tolist():
        # Nearest to the quarter: with few blocks one too many would leave nothing to train on.
        if held and num + counts[at] / 2 > wanted:
            break
        held.add((int(cells[at, 0]), int(cells[at, 1])))
        num += int(counts[at])
    return Blocks(plane, block_m, frozenset(held))
