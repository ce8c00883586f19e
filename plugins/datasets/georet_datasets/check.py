"""Reading every image of a data set, in parallel, to find what training would stumble over."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from georet.contracts.training import Dataset
from georet.data.images import SUFFIXES, read_image
from georet.errors import DataError
from georet.progress import progress
from georet.types import QUERY, ImageTable
from georet_datasets.readers.left_out import readable

KINDS = ("missing", "unreadable", "duplicate", "leak", "coordinates", "size")
_POINTER = b"version https://git-lfs"


class Finding(NamedTuple):
    """What is wrong with one image of one table."""

    kind: str
    path: str
    table: str
    what: str


@dataclass(frozen=True)
class Report:
    """What a check found; ``sizes`` counts images by table and size (``height x width``).

    Sizes that differ from the most common one of their table are findings only when the check was
    asked to count them. ``left_out`` are files and folders that the data set doesn't read.
    """

    num_images: int
    findings: list[Finding] = field(default_factory=list)
    sizes: dict[str, dict[str, int]] = field(default_factory=dict)
    left_out: list[dict[str, Any]] = field(default_factory=list)

    @property
    def num_bad(self) -> int:
        """How many files have a finding."""
        return len({finding.path for finding in self.findings})

    @property
    def bad_share(self) -> float:
        """Share of the files that have a finding."""
        return self.num_bad / max(self.num_images, 1)


class _Seen(NamedTuple):
    """An image's bytes and size, or what is wrong with it."""

    sha256: str = ""
    size: str = ""
    kind: str = ""
    what: str = ""


def check_images(dataset: Dataset, *, same_size: bool = False) -> Report:
    """Decode every image once and return what is wrong.

    Missing and unreadable images; images with the same bytes as another of their table; positions
    at 0, 0 or off the map; queries whose bytes are trained on; with ``same_size`` also images
    whose size is not their table's most common one. Images in the folders of the tables that no
    table has, and what the data set's reader left out, are reported and no findings.
    """
    tables = _tables(dataset)
    paths = list(dict.fromkeys(path for table in tables.values() for path in table.paths))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        looked = progress(pool.map(_look, paths), "images", len(paths))
        seen = dict(zip(paths, looked, strict=True))
    report = Report(len(paths))
    for name, table in tables.items():
        sizes = Counter(seen[path].size for path in table.paths if seen[path].size)
        report.sizes[name] = dict(sizes.most_common())
        report.findings.extend(_faults(name, table, seen))
        report.findings.extend(_off_the_map(name, table))
        if same_size:
            report.findings.extend(_odd_sizes(name, table, seen, sizes))
    report.findings.extend(_leaks(tables, seen))
    left_out = getattr(dataset, "left_out", None)
    if left_out is not None:
        report.left_out.extend(group._asdict() for group in left_out.listed())
    report.left_out.extend(_unlisted(paths, {entry["folder"] for entry in report.left_out}))
    return report


def _tables(dataset: Dataset) -> dict[str, ImageTable]:
    pairs = dataset.train()
    tables = {f"train {view}": table for view, table in pairs.views.items()}
    for name, which in dataset.evaluations().items():
        tables |= {f"{name} query": which.queries, f"{name} gallery": which.gallery}
    return tables


def _look(path: Path) -> _Seen:
    try:
        height, width, _ = read_image(path).shape
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except DataError as error:
        if not path.exists():
            return _Seen(kind="missing", what=error.what)
        what = "is a Git LFS pointer: type git lfs pull" if _is_pointer(path) else error.what
        return _Seen(kind="unreadable", what=what)
    return _Seen(sha256, f"{height} x {width}")


def _faults(name: str, table: ImageTable, seen: Mapping[Path, _Seen]) -> Iterator[Finding]:
    first: dict[str, Path] = {}
    for path in table.paths:
        found = seen[path]
        if found.kind:
            yield Finding(found.kind, str(path), name, found.what)
        elif found.sha256 in first:
            yield Finding("duplicate", str(path), name, f"same bytes as {first[found.sha256]}")
        else:
            first[found.sha256] = path


def _leaks(tables: Mapping[str, ImageTable], seen: Mapping[Path, _Seen]) -> Iterator[Finding]:
    """Yield the queries of evaluation sets that are queries of training too, by their bytes."""
    trained = {seen[p].sha256: p for p in tables[f"train {QUERY}"].paths if seen[p].sha256}
    found: set[Path] = set()
    for name, table in tables.items():
        if not name.endswith(" query") or name.startswith("train "):
            continue
        for path in table.paths:
            if seen[path].sha256 in trained and path not in found:
                found.add(path)
                what = f"is trained on too, as {trained[seen[path].sha256]}"
                yield Finding("leak", str(path), name, what)


def _unlisted(paths: list[Path], told: set[str]) -> Iterator[dict[str, Any]]:
    """Yield for each folder that holds listed images those that no table lists."""
    listed: dict[Path, set[str]] = {}
    for path in paths:
        listed.setdefault(path.parent, set()).add(path.name)
    for folder, names in sorted(listed.items()):
        if any(parent in told for parent in map(str, folder.parents)) or not folder.is_dir():
            continue
        others = [
            readable(entry.name)
            for entry in sorted(folder.iterdir())
            if entry.name not in names and entry.suffix.lower() in SUFFIXES
        ]
        if others:
            yield {"kind": "images that no list names", "folder": str(folder), "names": others}


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_POINTER)) == _POINTER


def _off_the_map(name: str, table: ImageTable) -> Iterator[Finding]:
    if table.latlon is None:
        return
    for path, (lat, lon) in zip(table.paths, table.latlon.tolist(), strict=True):
        if abs(lon) > 180 or (lat, lon) == (0, 0):
            yield Finding("coordinates", str(path), name, f"latitude, longitude are {lat}, {lon}")


def _odd_sizes(
    name: str, table: ImageTable, seen: Mapping[Path, _Seen], sizes: Counter[str]
) -> Iterator[Finding]:
    for path in table.paths:
        size = seen[path].size
        if size and size != (common := sizes.most_common(1)[0][0]):
            yield Finding("size", str(path), name, f"{size} pixels, most are {common}")
