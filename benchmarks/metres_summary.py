"""What the lines of benchmarks/metres.py come to: shares, errors, radii, milliseconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.contracts.refining import Refinement
from georet.locate.calibrating.refined import Attempts, learnt, means
from georet.locate.refining import sigma_of
from georet.types import Doubles

GROSS: Final = 0.1
"""A place farther off than this share of a tile's side, and than three pixels, is wrong."""
_LEAST_SITE: Final = 10
SPLITS: Final = 20
Records = Sequence[dict[str, Any]]


def summary(folder: Path) -> dict[str, Any]:
    """Return all figures as JSON values, of what the folder holds."""
    found: dict[str, Any] = {"cells": [], "radii": radii(folder)}
    for path in sorted(folder.glob("cells-*.jsonl")):
        records = read(path)
        for mode in records[0]["modes"] if records else ():
            found["cells"].append(cell(records, mode, None))
            for tilt in sorted({one["tilt"] for one in records}):
                found["cells"].append(cell([r for r in records if r["tilt"] == tilt], mode, tilt))
    wrong = read(folder / "wrong-windows.jsonl")
    found["wrong"] = {
        mode: {
            "num": len(wrong),
            "tiles": sum(one["tiles"] for one in wrong),
            "accepted": sum(one[mode]["accepted"] for one in wrong),
            "highest": max((one[mode]["clearness"] or 0.0 for one in wrong), default=0.0),
            "ms": mean([one[mode]["ms"] for one in wrong]),
        }
        for mode in ("sift", "dense")
    }
    return found


def cell(records: Records, mode: str, tilt: int | None) -> dict[str, Any]:
    """Return what a mode makes of the photos of a level, at one tilt or at all."""
    told = [one | one["modes"][mode] for one in records]
    kept = [one for one in told if one["accepted"]]
    gross = [is_gross(one) for one in kept]
    return {
        "level": records[0]["level"],
        "mode": mode,
        "tilt": tilt,
        "num": len(told),
        "sites": sorted({one["site"] for one in told}),
        "tile_m": median([one["tile_error_m"] for one in told]),
        "accepted": len(kept) / len(told),
        "by": {by: sum(one["by"] == by for one in kept) for by in sorted({o["by"] for o in kept})},
        "px_50": quantile([one["error_of_map_m"] / one["pixel_m"] for one in kept], 0.5),
        "px_90": quantile([one["error_of_map_m"] / one["pixel_m"] for one in kept], 0.9),
        "within_px": mean([one["error_of_map_m"] <= one["pixel_m"] for one in kept]),
        "m_50": quantile([one["error_of_map_m"] for one in kept if one["side_m"] < 1000], 0.5),
        "m_90": quantile([one["error_of_map_m"] for one in kept if one["side_m"] < 1000], 0.9),
        "heading_50": quantile([one["heading_deg"] for one in kept], 0.5),
        "heading_90": quantile([one["heading_deg"] for one in kept], 0.9),
        "gross": sum(gross),
        "ms": mean([one["ms"] for one in told]),
        "ms_dense": mean([one["dense_ms"] for one in told if "dense_ms" in one]),
    }


def is_gross(one: dict[str, Any]) -> bool:
    """Return whether an accepted place is wrong."""
    return bool(one["error_of_map_m"] > max(GROSS * one["side_m"], 3 * one["pixel_m"]))


def radii(folder: Path) -> list[dict[str, Any]]:
    """Return how radii hold on places that they were not learnt on, in pixels of the map.

    For each site and level: learnt on half of its own photos and judged on the other half (means of
    ``SPLITS`` draws), as a gallery is calibrated with photos rendered from its own map; and learnt
    on the same level's photos of all other sites. The covered shares leave the floor of half a
    pixel out, which holds more than it promises.
    """
    rows = []
    for path in sorted(folder.glob("cells-*.jsonl")):
        records = read(path)
        for mode in ("sift, lens", "sift or dense, all"):
            kept = [one | one["modes"][mode] for one in records if one["modes"][mode]["accepted"]]
            for site in sorted({one["site"] for one in kept}):
                own = [one for one in kept if one["site"] == site]
                others = [one for one in kept if one["site"] != site]
                if min(len(own), len(others)) < 2 * _LEAST_SITE:
                    continue
                row = {"level": records[0]["level"], "mode": mode, "site": site, "num": len(own)}
                halves = [held(*halved(own, seed)) for seed in range(SPLITS)]
                rows.append(row | {"own": means(halves), "others": held(others, own)})
    return rows


def halved(records: Records, seed: int) -> tuple[Records, Records]:
    """Return two random halves."""
    order = np.random.default_rng(seed).permutation(len(records)).tolist()
    middle = len(records) // 2
    return [records[at] for at in order[:middle]], [records[at] for at in order[middle:]]


def held(taught: Records, own: Records) -> dict[str, float]:
    """Return the shares of places within radii that others taught."""
    refining = learnt(attempts(taught), np.linspace(0, 1, len(taught)))
    judged = attempts(own)
    found = {"covered_50": 0.0, "covered_90": 0.0, "floored_50": 0.0, "floored_90": 0.0}
    for one, error in zip(judged.found, judged.error_m, strict=True):
        method = refining.method(one.by)
        assert method is not None
        for share, radius in zip((50, 90), method.radii_m(sigma_of(one)), strict=True):
            found[f"covered_{share}"] += float(error <= radius) / len(own)
            found[f"floored_{share}"] += float(error <= max(0.5, radius)) / len(own)
    return found


def attempts(records: Records) -> Attempts:
    """Return accepted places as a calibration learns from them, in pixels of the map."""
    found = [
        Refinement(
            latlon=(0.0, 0.0),
            covariance_m2=(one["sigma_m"] / one["pixel_m"]) ** 2 * np.eye(2),
            tile=0,
            by=one["by"],
            clearness=one["clearness"],
            scatter_m=one["scatter_m"] / one["pixel_m"],
        )
        for one in records
    ]
    errors: Doubles = np.array([one["error_of_map_m"] / one["pixel_m"] for one in records])
    reach = np.array([0.7 * one["side_m"] / one["pixel_m"] for one in records])
    return Attempts({"id": "sift"}, found, errors, reach, [], 0.5)


def read(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file; a last line that was cut off is left out."""
    found = []
    for line in path.read_text().splitlines() if path.is_file() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def mean(values: Sequence[float]) -> float | None:
    """Return the mean, None of nothing."""
    return float(np.mean(values)) if len(values) else None


def median(values: Sequence[float]) -> float | None:
    """Return the median, None of nothing."""
    return quantile(values, 0.5)


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return a quantile, None of nothing."""
    return float(np.quantile(values, share)) if len(values) else None
