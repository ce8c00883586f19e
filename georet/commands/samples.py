"""Photos to try a gallery with, chosen before anything is searched."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from georet.data.images import read_image
from georet.geodesy import distance_m
from georet.serve.site import Sample
from georet.types import ImageTable, Ints

NUM_SAMPLES: Final = 8
_NUM_LOOKED_AT: Final = 96
_APART: Final = 0.1
"""Least distance between samples, as a share of the farthest two photos' distance."""


def choose_samples(photos: ImageTable, *, seed: int = 0) -> tuple[list[Sample], Ints]:
    """Return samples from all over the photos' area, and the rows of the photos left, [M].

    Of photos drawn at random those with the most detail are taken: a photo of plain forest or
    snow shows little of what a page can do.
    """
    drawn = np.random.default_rng(seed).permutation(len(photos))[:_NUM_LOOKED_AT]
    detail = np.array([_detail(photos, int(row)) for row in drawn])
    chosen: list[int] = []
    for row in drawn[np.argsort(-detail, kind="stable")].tolist():
        if len(chosen) < NUM_SAMPLES and _is_apart(photos, row, chosen, drawn):
            chosen.append(row)
    samples = [_sample(photos, row, number) for number, row in enumerate(chosen, start=1)]
    return samples, np.setdiff1d(np.arange(len(photos)), chosen)


def _detail(photos: ImageTable, row: int) -> float:
    """Return the spread of brightness over an image, the finest structure left out."""
    grey = cv2.cvtColor(read_image(photos.paths[row]), cv2.COLOR_RGB2GRAY)
    return float(cv2.resize(grey, (24, 24), interpolation=cv2.INTER_AREA).std())


def _is_apart(photos: ImageTable, row: int, chosen: list[int], drawn: Ints) -> bool:
    latlon = photos.latlon
    if latlon is None or not chosen:
        return True
    widest_m = distance_m(latlon[drawn[:1]], latlon[drawn]).max()
    nearest_m = distance_m(latlon[row], latlon[chosen]).min()
    return bool(nearest_m >= _APART * widest_m)


def _sample(photos: ImageTable, row: int, number: int) -> Sample:
    latlon = None if photos.latlon is None else photos.latlon[row].tolist()
    place = None if latlon is None else (float(latlon[0]), float(latlon[1]))
    return Sample(photos.paths[row], f"Sample photo {number}", place)
