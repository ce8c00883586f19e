"""VPAIR: photos of one flight over Germany beside rendered views (Schleiss et al., 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from georet.csvfile import read_csv
from georet.errors import ConfigError, DataError
from georet.ground.wgs84 import latlon_under
from georet.types import QUERY, REFERENCE, EvaluationSet, ImageTable, PairTable
from georet_datasets.readers.files import Missing, Origin, check_unique, inside, present_rows

ORIGIN: Final = Origin("VPAIR", "https://github.com/AerVisLoc/vpair")
POSES: Final = {QUERY: "poses_query.txt", REFERENCE: "poses_reference_view.txt"}
DISTRACTORS: Final = "distractors"
_POSE: Final = ("filepath", "x", "y", "z", "roll", "pitch", "yaw")
_ON_EARTH_M: Final = (6.3e6, 6.5e6)


class Vpair:
    """The data set below ``root``, as its owners lay it out.

    ``poses_query.txt`` and ``poses_reference_view.txt`` list images in ``queries/`` and
    ``reference_views/`` with their place in space (``x``, ``y``, ``z`` in metres from the Earth's
    centre) and ``roll``, ``pitch``, ``yaw``; images of one name belong together. ``distractors/``
    has more views without a place: with ``distractors`` they are in the gallery, which then has no
    positions.

    There is no split of the owners. The first ``train_share`` of the flight is trained on, what
    lies behind it is judged, among all views. Angles are columns as they are written (``roll``,
    ``pitch``, ``yaw``): by which convention isn't said. Layout by public descriptions and readers
    of it; not verified on the data.
    """

    def __init__(
        self,
        *,
        root: Path,
        train_share: float = 0.5,
        distractors: bool = False,
        missing: Missing = "error",
    ) -> None:
        if not 0 < train_share < 1:
            raise ConfigError(f"is {train_share}", where="train_share", hint="Give a share: 0.5")
        self.root, self.missing, self.share = Path(root), missing, train_share
        self.distractors = distractors

    def train(self) -> PairTable:
        """Return each photo of the flight's first part with the view of its name."""
        return self._train

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return ``vpair``: photos of the flight's second part; the view of their name is right."""
        queries, views, rows = self._both
        first = self._num_train
        after = np.arange(first, len(queries))
        gallery = self._with_distractors(views)
        about = f"photos behind the first {first} among {len(gallery)} views"
        right = rows[after][:, None]
        judged = EvaluationSet(queries.take(after), gallery, right, "recall", about=about)
        return {"vpair": judged}

    @cached_property
    def _train(self) -> PairTable:
        queries, views, rows = self._both
        first = np.arange(self._num_train)
        pairs = np.column_stack([first, first])
        return PairTable({QUERY: queries.take(first), REFERENCE: views.take(rows[first])}, pairs)

    @property
    def _num_train(self) -> int:
        num = len(self._both[0])
        return min(num - 1, max(1, round(self.share * num)))

    @cached_property
    def _both(self) -> tuple[ImageTable, ImageTable, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        queries, views = (_read(self.root, POSES[view], view) for view in (QUERY, REFERENCE))
        row_of = {path.stem: row for row, path in enumerate(views.paths)}
        for name, path in zip(queries.ids, queries.paths, strict=True):
            if path.stem not in row_of:
                raise DataError(
                    f"no view has the name of {name}", where=str(self.root / POSES[REFERENCE])
                )
        rows = np.array([row_of[path.stem] for path in queries.paths], np.int64)
        paired = [queries.paths, [views.paths[row] for row in rows]]
        kept = present_rows(ORIGIN, paired, self.missing, "photos")
        if len(kept) < 2:
            raise DataError("has fewer than two photos", where=str(self.root), hint=ORIGIN.hint)
        there = present_rows(ORIGIN, [views.paths], self.missing, "views")
        place = np.full(len(views), -1, np.int64)
        place[there] = np.arange(len(there))
        return queries.take(kept), views.take(there), place[rows[kept]]

    def _with_distractors(self, views: ImageTable) -> ImageTable:
        if not self.distractors:
            return views
        folder = self.root / DISTRACTORS
        more = sorted(folder.glob("*.png"))
        if not more:
            raise ORIGIN.missing(folder, "holds no .png")
        ids = [f"{DISTRACTORS}/{path.name}" for path in more]
        return ImageTable([*views.ids, *ids], [*views.paths, *more], name="VPAIR gallery")


def _read(root: Path, name: str, view: str) -> ImageTable:
    path = root / name
    if not path.is_file():
        raise ORIGIN.missing(path)
    table = read_csv(path, _POSE)
    table.check_columns(_POSE[:4], hint=ORIGIN.hint)
    wheres, ids, poses = [], [], []
    for where, cells in table:
        wheres.append(where)
        ids.append(cells["filepath"])
        poses.append(
            [
                table.numbers.read(cells[key], f"{where}:{key}", name=key)
                if cells.get(key)
                else float("nan")
                for key in _POSE[1:]
            ]
        )
    check_unique(ids, wheres)
    if not ids:
        raise DataError("lists no image", where=str(path), hint=ORIGIN.hint)
    values = np.array(poses, np.float64)
    away_m = np.linalg.norm(values[:, :3], axis=1)
    off = ~((away_m > _ON_EARTH_M[0]) & (away_m < _ON_EARTH_M[1]))
    if off.any():
        at = int(np.flatnonzero(off)[0])
        raise DataError(
            f"x, y, z lie {away_m[at]:,.0f} m from the Earth's centre", where=wheres[at]
        )
    angles = dict(zip(("roll", "pitch", "yaw"), values[:, 3:].T, strict=True))
    paths = [inside(root, text, where) for text, where in zip(ids, wheres, strict=True)]
    return ImageTable(ids, paths, latlon_under(values[:, :3]), angles, name=f"VPAIR {view}")
