"""CVACT's list of panoramas: ``ACT_data.mat``, or a CSV that holds the same fields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError
from georet.types import Doubles, Ints
from georet_datasets.readers.files import Origin, Row, read_rows

ORIGIN: Final = Origin("CVACT", "https://github.com/Liumouliu/OriCNN")
MAT, CSV = "ACT_data.mat", "ACT_data.csv"
HEADER: Final = ["panoId", "easting", "northing", "set"]
LATLON: Final = ["lat", "lon"]
SETS: Final = {"train": "trainSet", "val": "valSet", "test": "testSet"}
_EASTING_M, _NORTHING_M = 1_000_000, 10_000_000


@dataclass(frozen=True)
class ActData:
    """N ids, their easting and northing in metres float64[N, 2], and the rows of each set.

    A position may be NaN throughout the file: then there is none. ``latlon`` float64[N, 2] is what
    a CSV may give besides, for places that no single zone holds. ``wheres`` name the rows.
    """

    path: Path
    ids: list[str]
    utm_m: Doubles
    sets: dict[str, Ints]
    wheres: list[str]
    latlon: Doubles | None = None


def read_act_data(root: Path) -> ActData:
    """Return the list below ``root``: the .mat if it is there, else the CSV."""
    mat_path, csv_path = root / MAT, root / CSV
    if not mat_path.exists() and csv_path.exists():
        return _checked(_from_csv(csv_path))
    if not mat_path.exists():
        raise ORIGIN.missing(mat_path, f"no such file, nor {CSV} beside it")
    return _checked(_from_mat(mat_path))


def _from_csv(path: Path) -> ActData:
    rows = read_rows(path, ORIGIN, num_cells=(len(HEADER), len(HEADER + LATLON)))
    header = _known(rows.pop(0).cells) if rows else []
    if header not in (HEADER, HEADER + LATLON):
        raise DataError(
            "has another header line",
            where=f"{path}:1",
            hint=f"Wanted: {','.join(HEADER)}, and perhaps {','.join(LATLON)} after them.",
        )
    for row in rows:
        if len(row.cells) != len(header):
            raise DataError(f"has {len(row.cells)} columns, not {len(header)}", where=row.where)
        if row.cells[3] not in SETS:
            raise DataError(
                f"{row.cells[3]!r} is no set",
                where=row.where,
                hint=f"There are: {', '.join(SETS)}.",
            )
    utm = [[_metres(row, 1), _metres(row, 2)] for row in rows]
    names = np.array([row.cells[3] for row in rows], dtype=np.str_)
    return ActData(
        path,
        [row.cells[0] for row in rows],
        np.array(utm, dtype=np.float64).reshape(-1, 2),
        {name: np.flatnonzero(names == name) for name in SETS},
        [row.where for row in rows],
        _latlon(rows) if header != HEADER else None,
    )


def _latlon(rows: list[Row]) -> Doubles:
    limits = dict(zip(LATLON, (90, 180), strict=True))
    found = [
        [
            row.number(cell, name=name, limit=limit)
            for cell, (name, limit) in enumerate(limits.items(), start=len(HEADER))
        ]
        for row in rows
    ]
    return np.array(found, dtype=np.float64).reshape(-1, 2)


def _known(header: list[str]) -> list[str]:
    """Return the columns of a header, whose case is left to who writes it."""
    names = {name.lower(): name for name in HEADER + LATLON}
    return [names.get(cell.lower(), cell) for cell in header]


def _metres(row: Row, cell: int) -> float:
    is_empty = row.cells[cell].lower() in ("", "nan")
    return np.nan if is_empty else row.number(cell, name=HEADER[cell])


def _from_mat(path: Path) -> ActData:
    from scipy.io import loadmat

    try:
        found: dict[str, Any] = loadmat(path)
    except Exception as error:  # scipy raises a dozen unrelated types for a damaged file
        raise DataError(
            f"can't be read: {type(error).__name__}: {error}", where=str(path), hint=ORIGIN.hint
        ) from error
    try:
        ids = [str(name).strip() for name in np.ravel(found["panoIds"])]
        utm = np.asarray(found["utm"], dtype=np.float64).reshape(len(ids), 2)
        # Each set is a struct of one row; its second field is the list, counted from 1.
        sets = {
            name: np.ravel(found[field][0, 0][1]).astype(np.int64) - 1
            for name, field in SETS.items()
        }
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise DataError(
            f"has not the fields of CVACT's list: {error}", where=str(path), hint=ORIGIN.hint
        ) from error
    return ActData(path, ids, utm, sets, [f"{path}: panoIds({i + 1})" for i in range(len(ids))])


def _checked(data: ActData) -> ActData:
    num = len(data.ids)
    for name, rows in data.sets.items():
        outside = rows[(rows < 0) | (rows >= num)]
        if len(outside):
            raise DataError(
                f"{name} lists panorama {int(outside[0]) + 1}, there are {num}",
                where=str(data.path),
            )
    given = np.isfinite(data.utm_m).all(axis=1)
    good = (data.utm_m >= 0).all(axis=1) & (data.utm_m <= (_EASTING_M, _NORTHING_M)).all(axis=1)
    bad = np.flatnonzero(~good if given.any() else given)
    if len(bad):
        raise DataError(
            f"easting, northing of {data.ids[bad[0]]!r} are {tuple(data.utm_m[bad[0]].tolist())}",
            where=data.wheres[bad[0]],
            hint="UTM eastings lie below 1,000 km, northings below 10,000 km; are they swapped?",
        )
    return data
