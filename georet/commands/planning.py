"""What a gallery would take, in words: the lines of ``georet gallery plan``."""

from __future__ import annotations

import json
from collections.abc import Callable

from georet.gallery.estimate import Estimate, estimate_gallery
from georet.gallery.making.settings import BuildSettings
from georet.gallery.making.shards import Opener
from georet.processes import num_cores


def show_plan(
    source: str,
    encoder: Opener,
    settings: BuildSettings,
    *,
    warn: Callable[[str], None],
    area_km2: float | None = None,
    cores: int | None = None,
    num_sampled: int = 256,
    as_json: bool = False,
) -> list[str]:
    """Return the lines that say what a build would take, on other ground if ``area_km2`` asks."""
    found = estimate_gallery(source, encoder, settings, num_sampled=num_sampled, say=warn)
    cores = cores or num_cores()
    found = found if area_km2 is None else found.scaled(area_km2)
    return [json.dumps(found.as_json(cores), indent=2)] if as_json else lines(found, cores)


def lines(found: Estimate, cores: int) -> list[str]:
    """Return the estimate as lines for people, the time with so many cores."""
    kinds = ", ".join(f"{num:,} of {kind}" for kind, num in found.by_kind.items())
    each = f"{found.bytes_a_tile / 1e3:.1f} kB a tile"
    read = f"{1 / found.read_s:,.0f} tiles/s of one core"
    embed = f"{1 / found.embed_s:,.0f} tiles/s by {found.backend}"
    told = [
        ("tiles", f"{found.num_tiles:,}" + (f" ({kinds})" if len(found.by_kind) > 1 else "")),
        ("ground", f"{found.area_km2:,.3g} km²"),
        ("bytes", f"{_bytes(found.num_bytes)}, {each}"),
        ("reading", f"{_hours(found.read_h)} of one core, {read}"),
        ("embedding", f"{_hours(found.embed_h)} of the device, {embed}"),
        ("in all", f"{_hours(found.wall_h(cores))} with {cores} cores and one device"),
    ]
    if found.on_device:
        told.append(("", f"{found.cores_needed:.1f} cores read as fast as the device embeds"))
    told.append(("measured", f"{found.num_sampled:,} tiles; nothing was written"))
    return [f"{name:<9}  {value}" for name, value in told]


def _bytes(num: float) -> str:
    for factor, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if num >= factor:
            return f"{num / factor:.3g} {unit}"
    return f"{num / 1e3:.3g} kB"


def _hours(hours: float) -> str:
    if hours < 1 / 60:
        return f"{hours * 3600:.3g} s"
    if hours < 2:
        return f"{hours * 60:.3g} min"
    return f"{hours:,.1f} h" if hours < 200 else f"{hours / 24:,.0f} days"
