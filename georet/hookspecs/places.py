# mypy: disable-error-code="empty-body"
"""The hooks through which a plugin declares what locating needs: imagery, metres, tracks, files."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from georet.components import Component

hookspec = pluggy.HookspecMarker("georet")


@hookspec
def georet_sources() -> Iterable[Component]:
    """Declare sources of tiles: open(text, tiling) -> TileSource, for what ``matches(text)``.

    A ``georet.tiles.table.TileSource`` is picklable and has ``tiles() -> TileTable`` of R tiles,
    ``read(row) -> uint8[h, w, 3]``, and ``describe()``, JSON values that decide its pixels. Options
    of the factory are what users write behind the source, ``TEXT?key=value``; an unknown one is
    an error. ``matches`` is static, asked without options. Where sources of two plugins match, the
    user names one: ``--source NAME``, or ``NAME:TEXT``. Added in 0.1.

    Example::

        import numpy as np

        from georet import Component, hookimpl
        from georet.tiles.table import TileTable


        class Checkers:
            def __init__(self, table, px):
                self.table, self.px = table, px

            def tiles(self):
                return self.table

            def read(self, row):
                lines = (np.arange(self.px) // (row + 1)) % 2
                return np.repeat(255 * (lines[:, None] ^ lines)[..., None], 3, 2).astype(np.uint8)

            def describe(self):
                return {"kind": "checkers", "num": len(self.table), "px": self.px}


        class Board:
            def __init__(self, px: int = 64) -> None:
                self.px = px

            @staticmethod
            def matches(text):
                return text.endswith(".board")

            def open(self, text, tiling):
                longitude = 0.01 * np.arange(8)
                centre = np.stack([np.full(8, 47.0), longitude], axis=-1)
                steps = np.array([(1, -1), (1, 1), (-1, 1), (-1, -1)])
                corners = centre[:, None] + 0.0005 * steps
                names = [f"tile-{number}" for number in range(8)]
                return Checkers(TileTable(names, centre, corners, np.full(8, 93.0)), self.px)


        @hookimpl
        def georet_sources():
            yield Component("board", Board, summary="Eight chequered tiles in a row")
    """


@hookspec
def georet_refiners() -> Iterable[Component]:
    """Declare refiners: (photo uint8[H, W, 3], tiles: [Tile] * k) -> Refinement.

    A ``Tile`` (``georet.contracts.refining``) has pixels in the source's resolution (``patch``, and
    ``around(side_m)`` for what surrounds it), corners, score and belief; at most ``max_candidates``
    of them come, best first. One with a parameter ``camera`` is told what is known of the camera.
    The answer is a place with heading, covariance (m^2, east and north), inliers and the tile it
    rests on, or ``Refinement.refused("why")``. ``georet locate --refine NAME``. Added in 0.1.

    Example::

        import cv2
        import numpy as np

        from georet import Component, hookimpl
        from georet.contracts.refining import Refinement


        class Shift:
            max_candidates = 3

            def __init__(self, least: float = 0.3) -> None:
                self.least = least

            def __call__(self, photo, tiles):
                best = Refinement.refused("no tile shows the photo")
                for number, tile in enumerate(tiles):
                    size = tile.patch.image.shape[1::-1]
                    grey = [
                        cv2.cvtColor(cv2.resize(image, size), cv2.COLOR_RGB2GRAY)
                        for image in (photo, tile.patch.image)
                    ]
                    first, second = (np.asarray(image, np.float32) for image in grey)
                    shift, response = cv2.phaseCorrelate(first, second)
                    if response < max(self.least, best.inliers / 100):
                        continue
                    # What the photo's middle shows lies so far from the tile's middle.
                    (place,) = tile.patch.latlon_of(np.array([size]) / 2 + shift)
                    best = Refinement(
                        latlon=(float(place[0]), float(place[1])),
                        covariance_m2=np.eye(2) * (tile.side_m / size[0]) ** 2,
                        heading_deg=0.0,
                        inliers=int(100 * response),
                        tile=number,
                    )
                return best


        @hookimpl
        def georet_refiners():
            yield Component("shift", Shift, summary="Phase correlation; north up, same scale")
    """


@hookspec
def georet_trackers() -> Iterable[Component]:
    """Declare trackers: (ground: Ground, frames: [Frame] * T) -> [Fix] * T.

    A ``Frame`` (``georet.contracts.tracking``) holds the cosines float32[M] of the tiles ``rows``
    int64[M], the time, the metres moved since the frame before, and a refiner's answer, as far as
    there are such. ``Ground`` has centres and sides of all R tiles. A ``Fix`` is a place with its
    covariance (m^2, east and north). Frames may be looked at forwards and backwards. Added in 0.1.

    Example::

        import numpy as np

        from georet import Component, hookimpl
        from georet.contracts.tracking import Fix
        from georet.geodesy import distance_m


        class Nearby:
            def __init__(self, reach_m: float = 500.0) -> None:
                self.reach_m = reach_m

            def __call__(self, ground, frames):
                fixes, before = [], None
                for frame in frames:
                    cost = -ground.sharpness * frame.scores.astype(float)
                    if before is not None:
                        cost += distance_m(before, ground.latlon[frame.rows]) / self.reach_m
                    row = frame.rows[np.argmin(cost)]
                    before = ground.latlon[row]
                    spread = np.eye(2) * float(ground.side_m[row]) ** 2 / 12
                    fixes.append(Fix((float(before[0]), float(before[1])), spread))
                return fixes


        @hookimpl
        def georet_trackers():
            yield Component("nearby", Nearby, summary="The best tile not far from the last one")
    """


@hookspec
def georet_outputs() -> Iterable[Component]:
    """Declare formats of located photos: write(path: Path, located: Located), by ``suffixes``.

    ``located.records()`` yields mappings of JSON values, the keys of ``--out FILE.json``;
    ``located.provenance``, ``located.unreadable()`` and ``located.gallery`` say the rest.
    ``georet locate --out FILE.kml`` finds the format by the suffix, ``--format NAME`` by its name.
    Added in 0.1.

    Example::

        from georet import Component, hookimpl


        class Lines:
            suffixes = (".txt",)

            def write(self, path, located):
                with path.open("w", encoding="utf-8") as stream:
                    for record in located.records():
                        place = f"{record['latitude']:.6f} {record['longitude']:.6f}"
                        stream.write(f"{place} {record['photo']}\\n")


        @hookimpl
        def georet_outputs():
            yield Component("lines", Lines, summary="Latitude, longitude and name, a line a photo")
    """
