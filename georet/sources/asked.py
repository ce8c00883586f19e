"""Options in a source's name, ``area.tif?nodata=0&bands=3,2,1``, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from georet.errors import UsageError
from georet.sources.untrusted import shown
from georet.suggest import hint_for
from georet.tiles.tiling import READING, Tiling


def split_options(source: str, behind: str = "?") -> tuple[str, dict[str, Any]]:
    """Return text and options of ``folder?scheme=tms``; a path that exists has no options.

    Addresses have their own ``?``: their sources' options stand ``behind`` another mark.
    """
    named, mark, query = source.rpartition(behind)
    if not mark or Path(source).exists():
        return source, {}
    return named, options_of(query, where=source)


def options_of(query: str, *, where: str) -> dict[str, Any]:
    """Return the options in ``key=value&key=value``, values read as YAML."""
    options: dict[str, Any] = {}
    for part in filter(None, query.split("&")):
        key, equals, value = part.partition("=")
        if not key or not equals:
            raise UsageError(f"{part!r} is not key=value", where=where)
        if key in options:
            raise UsageError(f"the option {key!r} stands twice", where=where)
        try:
            options[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"{part!r}: the value is no YAML", where=where) from error
    return options


def check_options(options: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Raise UsageError that names the options there are, for one that is not among them."""
    for key in options:
        if key not in known:
            hint = hint_for(key, known, "options of such a source")
            raise UsageError(f"there is no option {shown(key)} here", where=where, hint=hint)


def follows_links(options: Mapping[str, Any], where: str) -> bool:
    """Return whether links that leave the folder are followed: ``?links=follow``."""
    value = options.get("links")
    if value not in (None, "follow"):
        raise UsageError(f"links is {shown(value)}", where=where, hint="It is follow, or left out.")
    return value == "follow"


def with_reading(tiling: Tiling, options: Mapping[str, Any], where: str) -> Tiling:
    """Return the tiling with what a source's options say of reading a raster."""
    found: dict[str, Any] = {}
    for key, value in options.items():
        numbers = numbers_of(value, f"{where}, option {key}")
        if key in ("nodata", "resolution") and len(numbers) != 1:
            raise UsageError(f"{key} is {shown(value)}, not a number", where=where)
        if key == "origin":
            found["origin_latlon"] = pair_of(numbers, where)
        elif key == "corners":
            found["corners_latlon"] = numbers
        elif key == "bands":
            found["bands"] = whole(numbers, where)
        else:
            found["nodata" if key == "nodata" else "resolution_m"] = numbers[0]
    return replace(tiling, **found)


def numbers_of(value: object, where: str) -> tuple[float, ...]:
    """Return the numbers in ``1,2.5``; UsageError where there are none."""
    parts = value if isinstance(value, list) else str(value).split(",")
    try:
        return tuple(float(part) for part in parts)
    except (TypeError, ValueError) as error:
        hint = "Numbers with a point, and commas between them: 47.37,8.54."
        raise UsageError(f"{shown(value)} is no number", where=where, hint=hint) from error


def pair_of(numbers: Sequence[float], where: str) -> tuple[float, float]:
    """Return latitude and longitude; UsageError unless there are two numbers."""
    if len(numbers) != 2:
        raise UsageError(
            f"{len(numbers)} numbers for a place", where=where, hint="LAT,LON: 47.37,8.54"
        )
    return numbers[0], numbers[1]


def whole(numbers: Sequence[float], where: str) -> tuple[int, ...]:
    """Return whole numbers; UsageError for others."""
    if not all(number.is_integer() for number in numbers):
        raise UsageError("bands are whole numbers", where=where, hint="--bands 3,2,1")
    return tuple(int(number) for number in numbers)


def refuse_reading(tiling: Tiling, where: str) -> None:
    """Raise UsageError where a tiling says how to read a raster, and the source is none."""
    for name in READING:
        if getattr(tiling, name) not in (None, ()):
            option = f"--{name.removesuffix('_latlon').removesuffix('_m')}"
            raise UsageError(
                f"{option} is for rasters and pictures that are cut",
                where=where,
                hint=f"Leave {option} out; transparent pixels count as without data here.",
            )
