"""Writing a data set in the layout of CVACT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from georet.progress import say
from georet.types import QUERY, REFERENCE, Doubles, EvaluationSet, PairTable
from georet_datasets.readers.act_data import CSV, HEADER, LATLON, MAT, SETS
from georet_datasets.readers.cvact import FOLDERS, NAMES
from georet_datasets.readers.utm import Zone
from georet_datasets.writers.tree import (
    Copy,
    Matched,
    copy_images,
    file_names,
    matched_pairs,
    matched_set,
    write_lines,
)

_FIELDS: Final = {"train": "trainInd", "val": "valInd", "test": "testInd"}


def write(pairs: PairTable, evaluations: Mapping[str, EvaluationSet], directory: Path) -> None:
    """Write 1:1 pairs, the first evaluation set as ``val`` and a second one as ``test``.

    CVACT has one position for a pair, in UTM: the tile's. Where the tiles don't lie in one UTM
    zone, the list is a CSV with latitude and longitude in the place of the .mat.
    """
    splits = [matched_pairs(pairs, "cvact")]
    for split, (name, which) in zip(("val", "test"), evaluations.items(), strict=False):
        splits.append(matched_set(split, name, which, "cvact"))
    taken: set[str] = set()
    ids = {matched.split: file_names(matched.queries.ids, taken) for matched in splits}
    copy_images([copy for matched in splits for copy in _copies(directory, matched, ids)])
    _write_list(directory, ids, _latlon(splits))


def _copies(root: Path, matched: Matched, ids: Mapping[str, list[str]]) -> list[Copy]:
    folder = root / FOLDERS[matched.split]
    tables = {QUERY: matched.queries, REFERENCE: matched.references}
    return [
        Copy(path, folder / NAMES[view].format(name))
        for view, table in tables.items()
        for path, name in zip(table.paths, ids[matched.split], strict=True)
    ]


def _latlon(splits: list[Matched]) -> Doubles | None:
    """Return the tiles' positions float64[N, 2], or None where some have none."""
    known = [matched.references.latlon for matched in splits]
    found = [latlon for latlon in known if latlon is not None]
    return np.concatenate(found) if len(found) == len(splits) else None


def _write_list(directory: Path, ids: Mapping[str, list[str]], latlon: Doubles | None) -> None:
    num = sum(map(len, ids.values()))
    if latlon is None:
        say("warning: there are no positions to be written")
        _write_mat(directory / MAT, ids, np.full((num, 2), np.nan))
        return
    number = int((latlon[0, 1] + 180) // 6) % 60 + 1
    zone = Zone(number, "S" if latlon[0, 0] < 0 else "N")
    if zone.holds(latlon):
        say(f"positions are in UTM zone {zone}: read them with zone={zone}")
        _write_mat(directory / MAT, ids, zone.from_latlon(latlon))
        return
    say(
        f"the tiles don't lie in one UTM zone: {CSV} has latitude and longitude instead; "
        "geographic neighbours need sampler.distance=great_circle"
    )
    names = [(name, split) for split, found in ids.items() for name in found]
    lines = [
        f"{name},,,{split},{lat!r},{lon!r}"
        for (name, split), (lat, lon) in zip(names, latlon.tolist(), strict=True)
    ]
    write_lines(directory / CSV, [",".join(HEADER + LATLON), *lines])


def _write_mat(path: Path, ids: Mapping[str, list[str]], utm_m: Doubles) -> None:
    from scipy.io import savemat

    fields: dict[str, object] = {}
    first = 1
    for split, name in SETS.items():
        num = len(ids.get(split, []))
        rows = np.arange(first, first + num, dtype=np.float64)[:, None]
        fields[name] = {"name": split, _FIELDS[split]: rows}
        first += num
    every = [name for split in SETS for name in ids.get(split, [])]
    savemat(path, {"panoIds": np.array(every), "utm": utm_m, **fields})
