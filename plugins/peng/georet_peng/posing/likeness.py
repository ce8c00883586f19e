"""How much each of many street images shows of a photo, by features that the others don't have.

Facades repeat their windows, so that a feature finds something alike in nearly every street image;
what tells is by how much one image has it more alike than the rest have (naive Bayes nearest
neighbour, Boiman, Shechtman and Irani, CVPR 2008, with the rest of the images as background).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from georet.types import Doubles, Floats, Ints
from georet_peng.city.plane import wrapped
from georet_peng.posing.features import Rays

_BINS: Final = 48
"""Directions all round that are told apart, 7.5 degrees each."""
_REACH: Final = 2
"""Bins on either side in which a feature may lie, so 15 to 19 degrees off where it is seen."""
_RISE_RAD: Final = np.radians(8)
_BACKGROUND: Final = 0.98
"""The share of images in which a feature is less alike than is asked of those that show it."""
_CHUNK: Final = 60


def likenesses(photo: Rays, streets: Sequence[Rays], turns_rad: Doubles) -> Doubles:
    """Return float64[R, T]: how much R street images show of a photo that is turned by T angles.

    Each feature of the photo counts by how much more alike (cosine) its likest feature in the image
    is, in nearly the same direction, than ``_BACKGROUND`` of all images and turns have.
    """
    likest = _by_direction(photo, streets)
    ahead = np.arange(-_REACH, _REACH + 1)
    found = np.zeros((len(photo), len(streets), len(turns_rad)), np.float32)
    for column, turn in enumerate(turns_rad.tolist()):
        near = (_bin_of(photo.azimuth_rad + turn)[:, None] + ahead) % _BINS
        found[:, :, column] = np.take_along_axis(likest, near[:, None], axis=2).max(axis=2)
    least = np.quantile(found, _BACKGROUND, axis=(1, 2), keepdims=True)
    total: Doubles = np.maximum(found - least, 0).sum(axis=0, dtype=np.float64)
    return total


def _by_direction(photo: Rays, streets: Sequence[Rays]) -> Floats:
    """Return float32[F, R, _BINS]: the cosine of the likest feature at the same height, or 0."""
    found = np.zeros((len(photo), len(streets) * _BINS), np.float32)
    for first in range(0, len(streets), _CHUNK):
        part = streets[first : first + _CHUNK]
        cells = [(first + at) * _BINS + _bin_of(each.azimuth_rad) for at, each in enumerate(part)]
        cell = np.concatenate(cells)
        order = np.argsort(cell, kind="stable")
        cell, start = np.unique(cell[order], return_index=True)
        if not len(cell):
            continue
        descriptors = np.concatenate([each.descriptors for each in part])[order]
        rise = np.concatenate([each.elevation_rad for each in part])[order]
        cosines = photo.descriptors @ descriptors.T
        cosines[np.abs(rise - photo.elevation_rad[:, None]) > _RISE_RAD] = 0
        found[:, cell] = np.maximum.reduceat(cosines, start, axis=1)
    return found.reshape(len(photo), len(streets), _BINS)


def _bin_of(azimuth_rad: Doubles) -> Ints:
    return np.minimum((wrapped(azimuth_rad) / np.pi + 1) / 2 * _BINS, _BINS - 1).astype(np.int64)
