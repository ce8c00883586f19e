"""Numbers as people read them: metres, durations, shares, positions, names of metrics."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

MAIN_METRICS = (
    "recall@1",
    "recall@5",
    "recall@10",
    "recall@1%",
    "hit_rate",
    "ap",
    "within_200km",
    "within_500km",
    "median_error_m",
)
"""The order in which tables show metrics."""

METRES_A_DEGREE = 111_195
"""Of latitude, on the sphere of ``georet.geodesy``."""
NOTHING = "\N{EN DASH}"
"""Stands where there is no number."""


def metres(value: float | None) -> str:
    """Write a distance in metres with about three digits: ``34.2 km``."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value < 999.5:
        return f"{value:.0f} m" if value >= 9.95 or value < 0.05 else f"{value:.1f} m"
    return f"{value / 1000:.1f} km" if value < 99_950 else f"{value / 1000:,.0f} km"


def round_metres(value: float) -> str:
    """Write a round distance in metres without decimals: ``10 km``."""
    return f"{value:g} m" if value < 1000 else f"{value / 1000:,.0f} km"


def seconds(value: float | None) -> str:
    """Write a duration in seconds: ``4 min 07 s``."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def count(value: float | None) -> str:
    """Write a whole number with separators: ``15,144``."""
    return NOTHING if value is None else f"{value:,.0f}"


def megabytes(num_bytes: float) -> str:
    """Write a size in bytes as millions of them: ``12.3 MB``."""
    return f"{num_bytes / 1e6:,.1f} MB"


def percent(value: float | None) -> str:
    """Write a share in percent with one decimal, tiny ones with two digits: ``0.065 %``."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:.2g} %" if 0 < value < 0.95 else f"{value:.1f} %"


def degree_digits(accuracy_m: float | None) -> int:
    """Return how many decimals of a degree a position deserves that is so many metres accurate.

    The last decimal is at most a fifth of that, so that rounding adds a tenth at most: five
    decimals (1.1 m) for 10 m, two for 30 km. Three where nothing is known.
    """
    if accuracy_m is None or not math.isfinite(accuracy_m) or accuracy_m <= 0:
        return 3
    return min(7, max(1, math.ceil(math.log10(5 * METRES_A_DEGREE / accuracy_m))))


def position(latlon: Iterable[float], accuracy_m: float | None = None) -> str:
    """Write latitude and longitude in degrees: ``12.300° N, 45.600° W``.

    The number of decimals is that of ``degree_digits``.
    """
    lat, lon = latlon
    lon, num = (lon + 180) % 360 - 180, degree_digits(accuracy_m)
    sides = "S" if lat < 0 else "N", "W" if lon < 0 else "E"
    return f"{abs(lat):.{num}f}° {sides[0]}, {abs(lon):.{num}f}° {sides[1]}"


def metric_label(key: str) -> str:
    """Name a metric for a table's head: ``recall@1`` is ``R@1``."""
    names = {"ap": "AP", "hit_rate": "Hit rate", "median_error_m": "Median error"}
    if key in names:
        return names[key]
    if key.startswith("recall@"):
        return f"R@{key.removeprefix('recall@')}"
    if within := re.fullmatch(r"within_(\d+)(k?m)", key):
        return f"Within {within[1]} {within[2]}"
    return key.removesuffix("_m").removesuffix("_deg").replace("_", " ")


def metric_value(key: str, value: float | None) -> str:
    """Write a metric's value: ``_m`` are metres, ``_deg`` degrees, all else is in percent."""
    if key.endswith("_deg"):
        return NOTHING if value is None else f"{value:.1f}°"
    if key.endswith("_m"):
        return metres(value)
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.1f}"


def metric_order(keys: Iterable[str]) -> list[str]:
    """Return the keys without repeats, the main metrics first, the others by name and number."""
    present = set(keys)
    main = [key for key in MAIN_METRICS if key in present]
    return main + sorted(present.difference(main), key=_natural)


def _natural(key: str) -> tuple[str, int, str]:
    """Return a sorting key by which within_5m stands before within_25m, and metres before km."""
    found = re.search(r"(\d+)(k?)", key)
    if found is None:
        return key, 0, key
    return key[: found.start()], int(found[1]) * (1000 if found[2] else 1), key
