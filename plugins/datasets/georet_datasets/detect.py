"""Which data set a folder holds, by the files that only its layout has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from georet.errors import UsageError

_MARKS: Final[Sequence[tuple[str, dict[str, str], Sequence[str]]]] = (
    ("cvusa", {}, ("splits/*19zl.csv",)),
    ("cvact", {}, ("ACT_data.mat", "ACT_data.csv")),
    ("vigor", {"area": "same"}, ("splits/*/same_area_balanced_*.txt",)),
    (
        "vigor",
        {"area": "cross"},
        ("splits/*/pano_label_balanced.txt", "splits/*/satellite_list.txt"),
    ),
    ("denseuav", {}, ("Dense_GPS_ALL.txt",)),
    ("sues200", {}, ("satellite-view/0001", "SUES-200-512x512/satellite-view")),
    ("denseuav", {}, ("Dense_GPS_*.txt",)),
    (
        "sues200",
        {},
        ("drone_view_512", "drone-view*", "SUES-200-512x512"),
    ),
    ("university1652", {}, ("test/gallery_drone", "test/query_drone")),
    ("uav_visloc", {}, ("satellite_*coordinates_range.csv",)),
    ("vpair", {}, ("poses_reference_view.txt",)),
    ("any_visloc", {}, ("Data/metadata/*.json",)),
    ("pairs_csv", {}, ("pairs.csv",)),
)


def detect(root: Path) -> tuple[str, dict[str, Any]]:
    """Return the name of the data set component that reads ``root``, and its options.

    UsageError if the folder is not there or looks like none.
    """
    if not root.is_dir():
        raise UsageError("there is no such folder", where=str(root))
    for name, options, patterns in _MARKS:
        if _has_any(root, patterns):
            return name, {"root": str(root), **options}
    inner = [folder.name for folder in sorted(root.iterdir()) if _is_known(folder)]
    known = ", ".join(dict.fromkeys(name for name, _, _ in _MARKS))
    raise UsageError(
        "looks like no layout that is known",
        where=str(root),
        hint=(f"Is it {root / inner[0]}? " if inner else "")
        + f"Name the data set: --dataset NAME. By their files are known: {known}.",
    )


def _is_known(folder: Path) -> bool:
    return folder.is_dir() and any(_has_any(folder, patterns) for _, _, patterns in _MARKS)


def _has_any(root: Path, patterns: Sequence[str]) -> bool:
    return any(next(root.glob(pattern), None) is not None for pattern in patterns)
