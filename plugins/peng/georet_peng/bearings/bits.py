"""Which way streets lead: bits by sector, as SpaGBOL filters by, and how likely bearings are.

SpaGBOL (arXiv 2409.15514) cuts the circle into 8 sectors and keeps references whose bits equal the
photo's; where its heading is unknown, whose bits are equal after any turn by whole sectors. Here a
photo's bits are predicted, and what it doesn't show counts neither way.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from georet.types import Bools, Doubles, Ints
from georet_peng.city.plane import wrapped

SECTORS: Final = 8
BINS: Final = 72
"""Directions for which a photo tells how likely a street leads there, 5 degrees apart."""
WIDTH_RAD: Final = np.radians(10)
"""A street is seen this much to either side of where it leads."""
_LEAST: Final = 0.02
"""No prediction is surer than this."""


def bin_bearings() -> Doubles:
    """Return the azimuths float64[72] of the bins' middles, from a canvas's left border on."""
    return (np.arange(BINS) + 0.5) * 2 * np.pi / BINS - np.pi


def sector_of(bearings_rad: Doubles) -> Ints:
    """Return the sectors int64[...] of bearings; sector 0 is north, half of it to either side."""
    return np.round(np.asarray(bearings_rad) / (2 * np.pi / SECTORS)).astype(np.int64) % SECTORS


def bits_of(bearings_rad: Doubles) -> Bools:
    """Return bool[8]: the sectors into which streets lead."""
    found = np.zeros(SECTORS, np.bool_)
    found[sector_of(bearings_rad)] = True
    return found


def canonical(bits: Bools) -> int:
    """Return the largest number that bits make after any turn by whole sectors."""
    turned = [np.roll(bits, turn) for turn in range(SECTORS)]
    return max(int(each @ (1 << np.arange(SECTORS))) for each in turned)


def predicted_bits(chances: Doubles) -> tuple[Bools, Bools]:
    """Return the bits bool[8] that chances float64[72] make, and which sectors are seen bool[8].

    NaN: not seen. A sector counts as seen where most of it is; its bit is set where a direction in
    it is likelier than not to have a street.
    """
    sector = sector_of(bin_bearings())
    seen = np.array([np.isfinite(chances[sector == s]).mean() > 0.6 for s in range(SECTORS)])
    best = [np.nan_to_num(chances[sector == s], nan=0.0).max() for s in range(SECTORS)]
    return np.asarray(seen & (np.array(best) > 0.5), np.bool_), seen


def agrees(bits: Bools, seen: Bools, wanted: Bools, *, is_north_known: bool) -> bool:
    """Return whether bits are those wanted in all sectors that are seen; without north, if turned.

    With all sectors seen that is the equality of bits, or of their canonical numbers.
    """
    turns = [0] if is_north_known else range(SECTORS)
    return any(bool((np.roll(wanted, turn) == bits)[seen].all()) for turn in turns)


def streets_at(bearings_rad: Doubles) -> Bools:
    """Return bool[72]: the directions in which streets of these bearings are seen."""
    off = np.abs(wrapped(bin_bearings()[:, None] - np.asarray(bearings_rad)[None]))
    found: Bools = (off <= WIDTH_RAD).any(axis=1)
    return found


def log_chance(chances: Doubles, bearings_rad: Doubles, *, is_north_known: bool) -> float:
    """Return the mean log-probability of what a photo shows where streets have these bearings.

    ``chances`` float64[72] are predicted, NaN: not seen. Directions are taken as independent, and
    the mean over those that are seen counts. Without north the best of 72 turns counts.
    """
    seen = np.isfinite(chances)
    if not seen.any():
        return 0.0
    likely = np.clip(chances[seen], _LEAST, 1 - _LEAST)
    gain = np.log(likely) - np.log1p(-likely)
    wanted = streets_at(bearings_rad)
    turns = [0] if is_north_known else range(BINS)
    best = max(float(gain[np.roll(wanted, turn)[seen]].sum()) for turn in turns)
    return (best + float(np.log1p(-likely).sum())) / int(seen.sum())
