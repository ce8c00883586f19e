"""The check for formats of located photos."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from georet.contracts.answering import Output
from georet.ground.wgs84 import square_corners
from georet.testing.expect import expect
from georet.tiles.table import TileTable

_SIDE_M = 400.0


def check_output(make: Callable[[], Output]) -> dict[str, bytes]:
    """Raise AssertionError unless the outputs that ``make`` returns keep the contract.

    Each must have suffixes, and write a file for each: of no photo, of one, and of four among which
    are one without radii, one that abstains, one that was refined, one beyond the antimeridian, and
    one whose name has quotes, commas and letters of other scripts. The same photos give the same
    bytes, other photos others, and nothing given is changed. Returns the bytes of the four photos
    by suffix.
    """
    output = make()
    suffixes: Any = output.suffixes
    expect(
        isinstance(suffixes, tuple)
        and len(suffixes) > 0
        and all(s.startswith(".") and s == s.lower() for s in suffixes),
        f"suffixes is {suffixes!r}",
        "Give a tuple of lower-case suffixes with their dots: ('.kml',)",
    )
    written = {}
    for suffix in output.suffixes:
        none, one, four = (_written(make(), suffix, num) for num in (0, 1, 4))
        expect(
            len({none, one, four}) == 3,
            f"{suffix}: a file of one photo has the bytes of one with another number of photos",
            "Write every record of located.records()",
        )
        expect(
            _written(make(), suffix, 4) == four,
            f"{suffix}: the same photos gave other bytes",
            "Write nothing that depends on the clock or on chance",
        )
        written[suffix] = four
    return written


def _written(output: Output, suffix: str, num: int) -> bytes:
    located = MadeUp(num)
    before = copy.deepcopy(located.content)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"located{suffix}"
        output.write(path, located)
        expect(path.is_file(), f"{suffix}: no file was written", "Write to the path that is given")
        expect(
            located.content == before,
            f"{suffix}: the records that were given are changed",
            "Work on copies",
        )
        return path.read_bytes()


class MadeUp:
    """Located photos that nobody took: of ``num`` photos, at most four."""

    def __init__(self, num: int) -> None:
        self.content: list[dict[str, Any]] = made_up_records()[:num]
        self.provenance: Mapping[str, Any] = {
            "georet": "0",
            "gallery": {"name": "made-up", "sha256": "0" * 64},
            "asked": {"k": 2},
            "refiner": {"id": "made:up"},
        }
        self.gallery = _Pictures()

    def __len__(self) -> int:
        return len(self.content)

    def records(self) -> Iterator[Mapping[str, Any]]:
        """Yield the records."""
        return iter(self.content)

    def unreadable(self) -> list[dict[str, str]]:
        """Return one photo that can't be read."""
        return [{"photo": "torn.jpg", "reason": "is torn"}]


class _Pictures:
    def __init__(self) -> None:
        centres = np.array([[47.0, 8.0], [-16.5, 179.999]])
        corners = square_corners(centres, np.full(2, _SIDE_M))
        self.tiles = TileTable(["a/1", "b/2"], centres, corners, np.full(2, _SIDE_M))

    def thumbnail(self, row: int) -> bytes | None:
        """Return that there is no picture."""


def made_up_records() -> list[dict[str, Any]]:
    """Return four records, with all keys that a record can have."""
    tiles = _Pictures().tiles
    candidates = [
        {
            "rank": rank,
            "id": tiles.ids[row],
            "row": row,
            "latitude": float(tiles.latlon[row, 0]),
            "longitude": float(tiles.latlon[row, 1]),
            "score": 0.9 - 0.1 * rank,
            "belief": 0.8 / rank,
            "side_m": _SIDE_M,
            "corners": tiles.corners_latlon[row].tolist(),
        }
        for rank, row in enumerate((0, 1), 1)
    ]
    plain = {"radius_50_m": 120.0, "radius_90_m": 300.5, "confidence": 0.83, "abstained": False}
    odd: dict[str, dict[str, Any]] = {
        "photo.jpg": {},
        'näive, "quoted" & <tagged> 日本.jpg': dict.fromkeys(plain) | {"abstained": False},
        "unsure.jpg": {"confidence": 0.1, "abstained": True, "longitude": -179.9999},
        "refined.jpg": {
            "method": "refined",
            "heading_deg": 271.25,
            "covariance_m2": [[4.0, 0.5], [0.5, 2.25]],
            "camera": [46.9991234, 8.0002345],
            "height_m": 88.5,
            "tile": "a/1",
            "inliers": 44,
            "reason": None,
            "note": None,
        },
    }
    retrieved = {"method": "retrieved", "inliers": 3, "reason": "3 matches agree, 15 are needed"}
    unsaid = dict.fromkeys(("heading_deg", "covariance_m2", "camera", "height_m", "tile", "note"))
    return [
        {
            "photo": name,
            "latitude": 47.0012345,
            "longitude": 8.0012345,
            **plain,
            "reach_m": 282.8,
            "photo_sha256": [f"{number}" * 64],
            "photos": [name],
            "candidates": copy.deepcopy(candidates),
            **retrieved,
            **unsaid,
            **values,
        }
        for number, (name, values) in enumerate(odd.items())
    ]
