"""The check for refiners."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from georet.contracts.refining import Camera, Patch, Refinement, Refiner, Tile
from georet.geodesy import distance_m
from georet.ground.wgs84 import square_corners
from georet.testing.expect import expect
from georet.types import Pixels

SIDE_M, SIDE_PX = 60.0, 240
_MOST_OFF_DEG = 5.0
_NOT_HERE = "Return Refinement.refused('why') where the photo doesn't show the tile"


def check_refiner(
    make: Callable[[], Refiner],
    *,
    within_m: float = 6.0,
    heading_deg: float = 0.0,
    shift_px: tuple[int, int] = (18, -12),
) -> None:
    """Raise AssertionError unless the refiners that ``make`` returns keep the contract.

    Checked on five made-up tiles of 60 m and 240 pixels, of which the second shows the photo: as
    many pixels around a point that lies ``shift_px`` right of and below the tile's centre, turned
    so that its upper edge looks to ``heading_deg``; beyond the tile it is mirrored. The place must
    be accepted, name the second tile and lie ``within_m`` of the truth, its heading within 5
    degrees. Noise, one flat colour, a picture of one pixel and a list without tiles are refused
    with a reason. The same question has the same answer, asked of another instance too, and nothing
    given is changed.
    """
    photo, tiles, truth = drawn_case(heading_deg, shift_px)
    refiner = make()
    most: Any = refiner.max_candidates
    expect(
        isinstance(most, int) and most > 0,
        f"max_candidates is {most!r}",
        "Say how many tiles you look at, as a number: it bounds the cost of a photo",
    )
    before = photo.tobytes(), [tile.patch.image.tobytes() for tile in tiles]
    found = answer(refiner, photo, tiles)
    expect(
        (photo.tobytes(), [tile.patch.image.tobytes() for tile in tiles]) == before,
        "the refiner changes the photo or the tiles it is given",
        "Work on copies",
    )
    _check_place(found, truth, within_m, heading_deg)
    for again in (answer(refiner, photo, tiles), answer(make(), photo, tiles)):
        expect(
            _said(again) == _said(found),
            f"asked twice, the answers differ: {_said(found)} and {_said(again)}",
            "Seed what draws at random by a constant, and let no photo decide the next answer",
        )
    _check_refusals(refiner, photo, tiles)


def answer(refiner: Any, photo: Pixels, tiles: Sequence[Tile]) -> Refinement:
    """Return a refiner's answer, which must be a ``Refinement`` about one of the tiles."""
    named = inspect.signature(refiner).parameters
    known = {"camera": Camera(heading_deg=0.0)} if "camera" in named else {}
    found = refiner(photo, tiles[: refiner.max_candidates], **known)
    expect(
        isinstance(found, Refinement),
        f"the refiner returned a {type(found).__name__}",
        "Return a georet.contracts.refining.Refinement",
    )
    expect(
        not found.is_accepted or found.tile in range(min(len(tiles), refiner.max_candidates)),
        f"the answer rests on tile {found.tile} of {len(tiles)}",
        "Give the place of the tile in the list that came in",
    )
    assert isinstance(found, Refinement)
    return found


def _check_place(
    found: Refinement, truth: tuple[float, float], within_m: float, heading_deg: float
) -> None:
    expect(found.is_accepted, f"the photo was refused: {found.reason}", "Its tile is the second")
    away_m = float(distance_m(np.array(truth), np.array(found.latlon)))
    expect(
        found.tile == 1 and away_m <= within_m,
        f"the place lies {away_m:.1f} m from the truth, on tile {found.tile}; wanted tile 1, "
        f"within {within_m:g} m",
        "Patch.latlon_of turns columns and rows of a tile into degrees; is north up?",
    )
    off_deg = abs(((found.heading_deg or heading_deg) - heading_deg + 180) % 360 - 180)
    expect(
        off_deg <= _MOST_OFF_DEG,
        f"the heading is {found.heading_deg}, wanted {heading_deg:g}",
        "Degrees clockwise from north, of the photo's upper edge; or None where it isn't known",
    )


def _check_refusals(refiner: Refiner, photo: Pixels, tiles: Sequence[Tile]) -> None:
    noise = np.random.default_rng(5).integers(0, 256, photo.shape, dtype=np.uint8)
    for what, strange in {
        "noise": noise,
        "one flat colour": np.full_like(photo, 90),
        "a picture of one pixel": photo[:1, :1].copy(),
    }.items():
        said = answer(refiner, strange, tiles)
        expect(not said.is_accepted, f"{what} was placed at {said.latlon}", _NOT_HERE)
    none = answer(refiner, photo, [])
    expect(not none.is_accepted, "a photo without any tile was placed", _NOT_HERE)


def drawn_case(
    heading_deg: float, shift_px: tuple[int, int]
) -> tuple[Pixels, list[Tile], tuple[float, float]]:
    """Return a photo, five tiles of which the second shows it, and its place in degrees."""
    centres = np.stack([np.full(5, 47.3), 8.5 + 0.01 * np.arange(5)], axis=-1)
    corners = square_corners(centres, np.full(5, SIDE_M))
    tiles = [
        Tile(
            id=f"tile-{row}",
            row=row,
            latlon=(float(centres[row, 0]), float(centres[row, 1])),
            corners_latlon=corners[row],
            side_m=SIDE_M,
            score=0.9 - 0.1 * row,
            belief=0.2,
            read=_Drawn(row, corners[row]),
        )
        for row in range(5)
    ]
    at = np.array([SIDE_PX / 2, SIDE_PX / 2]) + shift_px
    # Turned to the left, so that what lay in the direction of the heading comes to lie above.
    turn = cv2.getRotationMatrix2D((float(at[0]), float(at[1])), heading_deg, 1.0)
    matrix = np.asarray(turn, np.float64) + np.array([[0, 0, 1]]) * (SIDE_PX / 2 - at)[:, None]
    size = (SIDE_PX, SIDE_PX)
    photo = cv2.warpAffine(tiles[1].patch.image, matrix, size, borderMode=cv2.BORDER_REFLECT)
    (truth,) = tiles[1].patch.latlon_of(at[None])
    return np.asarray(photo, np.uint8), tiles, (float(truth[0]), float(truth[1]))


class _Drawn:
    """Draws a tile: blots of many sizes, without any repetition."""

    def __init__(self, seed: int, corners: Any) -> None:
        self.seed, self.corners = seed, corners

    def __call__(self) -> Patch:
        rng = np.random.default_rng(self.seed)
        image = np.full((SIDE_PX, SIDE_PX, 3), 110, np.uint8)
        for _ in range(220):
            x, y, size = (int(v) for v in rng.integers((0, 0, 3), (SIDE_PX, SIDE_PX, 22)))
            colour = tuple(int(v) for v in rng.integers(20, 236, 3))
            cv2.rectangle(image, (x, y), (x + size, y + int(rng.integers(3, 22))), colour, -1)
        return Patch(cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.uint8), self.corners)


def _said(found: Refinement) -> tuple[Any, ...]:
    spread = None if found.covariance_m2 is None else np.asarray(found.covariance_m2).tolist()
    return found.latlon, spread, found.heading_deg, found.inliers, found.tile, found.reason
