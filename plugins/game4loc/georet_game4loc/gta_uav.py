"""Reader of GTA-UAV: a game's drone over its map, photos that overlap tiles of four zooms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from georet.errors import DataError
from georet.geodesy import latlon_of_plane
from georet.types import QUERY, REFERENCE, Doubles, EvaluationSet, ImageTable, PairTable
from georet_datasets.readers.files import Origin, inside, read_text

ORIGIN: Final = Origin("GTA-UAV", "https://github.com/Yux1angJi/GTA-UAV")
PROTOCOL: Final = "sdm/gta-uav"
MAP_SIDE_M: Final = 24_576 * 0.45
"""Side of the whole map in metres: pixels times metres a pixel."""
Mode = Literal["pos", "pos_semipos"]


class GtaUav:
    """GTA-UAV (Ji et al., AAAI 2025) as its owners lay it out below ``root``.

    ``{area}-area-drone2sate-{train,test}.json`` list the photos, ``drone/images/`` has them, and
    ``satellite/{zoom}_{x}_{y}.png`` the tiles, all of which are the gallery. ``area``: test in
    another part of the map (``cross``) or in the same. ``mode``: training pairs are a photo with
    each of its positives, or semi-positives as well (``pos_semipos``, as published), with their
    overlap as column ``iou``; a photo is judged by its positives, and one without any is not.

    Positions are metres of the game, x to the right and y down from the map's top left corner; they
    are stand-ins for degrees around 0, 0 (``georet.geodesy.latlon_of_plane``) with the map's top as
    north. Columns of photos: ``yaw_deg``, ``pitch_deg``, ``roll_deg`` of the drone as the game
    tells them, and ``altitude_m``. Relied on: the owners' files and code; not verified on all data.
    """

    def __init__(
        self, *, root: Path, area: Literal["cross", "same"] = "cross", mode: Mode = "pos_semipos"
    ) -> None:
        self.root, self.area, self.mode = Path(root), area, mode

    def train(self) -> PairTable:
        """Return a pair for each photo and tile that overlap; its other tiles as semi-positives."""
        path, photos = self._listed("train")
        row_of = {name: row for row, name in enumerate(self.tiles.ids)}
        pairs, shares, others = [], [], []
        for row, photo in enumerate(photos):
            where = f"{path}, photo {photo['drone_img_name']!r}"
            linked = _tiles_of(photo, "pos_semipos", row_of, where)
            for tile, share in _tiles_of(photo, self.mode, row_of, where).items():
                pairs.append((row, tile))
                shares.append(share)
                others.append([other for other in linked if other != tile])
        if not pairs:
            raise ORIGIN.missing(path, "lists no photo with a tile")
        semi = np.full((len(others), max(1, max(map(len, others)))), -1, np.int64)
        for at, rows in enumerate(others):
            semi[at, : len(rows)] = rows
        return PairTable(
            {QUERY: self._photos(photos, path), REFERENCE: self.tiles},
            np.array(pairs, np.int64),
            semi,
            {"iou": np.array(shares)},
        )

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return ``d2s``: photos that have a positive, among all tiles of the map."""
        path, photos = self._listed("test")
        row_of = {name: row for row, name in enumerate(self.tiles.ids)}
        judged, positives = [], []
        for photo in photos:
            where = f"{path}, photo {photo['drone_img_name']!r}"
            if found := _tiles_of(photo, "pos", row_of, where):
                judged.append(photo)
                positives.append(list(found))
        if not judged:
            raise ORIGIN.missing(path, "lists no photo with a positive tile")
        queries, about = self._photos(judged, path), f"drone photos among tiles, {self.area}-area"
        return {"d2s": EvaluationSet(queries, self.tiles, positives, PROTOCOL, about=about)}

    @cached_property
    def tiles(self) -> ImageTable:
        """All tiles of the map, by name."""
        folder = self.root / "satellite"
        paths = sorted(folder.glob("*.png"))
        if not paths:
            raise ORIGIN.missing(folder, "holds no tiles {zoom}_{x}_{y}.png")
        numbers = [_zoom_x_y(path) for path in paths]
        sides = np.array([MAP_SIDE_M / 2**zoom for zoom, *_ in numbers])
        middle = (np.array([xy for _, *xy in numbers]) + 0.5) * sides[:, None]
        return ImageTable(
            [path.name for path in paths],
            paths,
            _latlon(middle),
            {"zoom": np.array([zoom for zoom, *_ in numbers])},
            "GTA-UAV tiles",
            side_m=sides,
            heading_deg=np.zeros(len(paths)),
        )

    def _listed(self, side: str) -> tuple[Path, list[dict[str, Any]]]:
        path = self.root / f"{self.area}-area-drone2sate-{side}.json"
        try:
            photos: Any = json.loads(read_text(path, ORIGIN))
        except json.JSONDecodeError as error:
            raise DataError(
                f"is no JSON: {error.msg}", where=f"{path}:{error.lineno}", hint=ORIGIN.hint
            ) from error
        keys = {"drone_img_dir", "drone_img_name", "drone_loc_x_y", "drone_metadata"}
        for number, photo in enumerate(photos if isinstance(photos, list) else [photos]):
            if not isinstance(photo, dict) or not keys <= photo.keys():
                raise DataError(
                    f"entry {number} has not {', '.join(sorted(keys))}",
                    where=str(path),
                    hint=ORIGIN.hint,
                )
        return path, photos

    def _photos(self, photos: list[dict[str, Any]], path: Path) -> ImageTable:
        told = [photo["drone_metadata"] or {} for photo in photos]
        columns = {
            f"{name}_deg": np.array([_number(one.get(f"drone_{name}")) for one in told])
            for name in ("yaw", "pitch", "roll")
        }
        folders = {
            photo["drone_img_dir"]: inside(self.root, photo["drone_img_dir"], str(path))
            for photo in photos
        }
        return ImageTable(
            [photo["drone_img_name"] for photo in photos],
            [
                inside(folders[photo["drone_img_dir"]], photo["drone_img_name"], str(path))
                for photo in photos
            ],
            _latlon(np.array([photo["drone_loc_x_y"] for photo in photos], np.float64)),
            columns,
            "GTA-UAV photos",
            altitude_m=np.array([_number(one.get("height")) for one in told]),
        )


def _tiles_of(
    photo: dict[str, Any], mode: Mode, row_of: Mapping[str, int], where: str
) -> dict[int, float]:
    """Return the rows of a photo's tiles and their overlaps."""
    try:
        names = photo[f"pair_{mode}_sate_img_list"]
        shares = photo[f"pair_{mode}_sate_weight_list"]
        return {row_of[name]: float(share) for name, share in zip(names, shares, strict=True)}
    except KeyError as error:
        what = f"there is no {error.args[0]}"
        raise DataError(what, where=where, hint=ORIGIN.hint) from error
    except (TypeError, ValueError) as error:
        what = f"its tiles of mode {mode} and their weights don't fit together"
        raise DataError(what, where=where, hint=ORIGIN.hint) from error


def _zoom_x_y(path: Path) -> tuple[int, int, int]:
    cells = path.stem.split("_")
    if len(cells) != 3 or not all(cell.isdigit() for cell in cells):
        raise DataError(f"{path.name!r} is not {{zoom}}_{{x}}_{{y}}.png", where=str(path))
    zoom, x, y = map(int, cells)
    return zoom, x, y


def _latlon(xy_m: Doubles) -> Doubles:
    """Return stand-in positions of metres from the map's top left corner, y down."""
    from_middle = (xy_m - MAP_SIDE_M / 2) * [1, -1]
    return latlon_of_plane(from_middle)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
