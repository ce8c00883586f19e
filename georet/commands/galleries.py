"""Galleries in words: the lines of ``georet gallery info``, and what a build came to."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from georet.errors import UsageError
from georet.gallery.files.manifest import MANIFEST
from georet.gallery.info import build_state
from georet.gallery.parting import ENCODER, GALLERY, cut_gallery, pack, unpack
from georet.gallery.stored import StoredGallery
from georet.ground.region import Region
from georet.page.readable import megabytes
from georet.plugins import Selection, load_plugins
from georet.pretrained.making import run_folder
from georet.run_layout import CONFIG

_MOST_NAMED = 12


def lines(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (name, value) lines of what ``describe_gallery`` found."""
    west, south, east, north = found["bounds_latlon"]
    encoder, opens = found["encoder"], found["encoder_source"] or {}
    height, width = encoder["size"]
    return [
        ("gallery", found["path"]),
        ("tiles", f"{found['tiles']:,} in {_shards(found['shards'])}; {found['bad_tiles']} bad"),
        ("bounds", f"{south:.5f} to {north:.5f} north, {west:.5f} to {east:.5f} east"),
        ("side", " to ".join(dict.fromkeys(length(side) for side in found["side_m"]))),
        ("ground", f"{_area(found['ground_km2'])}, overlaps counted each time"),
        ("source", ", ".join(f"{k} {v}" for k, v in found["source"].items() if _is_plain(v))),
        ("encoder", f"{encoder['weights_sha256'][:16]}, {encoder['embed_dim']}-d"),
        ("", f"{width} x {height} px, {encoder['precision']}, {encoder['backend']}"),
        ("from", str(opens.get("source", "not recorded"))),
        ("storage", f"{found['storage']}, thumbnails: {'yes' if found['thumbnails'] else 'no'}"),
        ("size", megabytes(found["bytes"])),
        ("indexes", ", ".join(found["indexes"]) or "none kept (exact needs none)"),
        ("calibrated", "yes" if found["calibrated"] else "no: georet gallery calibrate"),
    ]


def tell_plugins(folder: Path, encoder: Path, selection: Selection) -> None:
    """Tell observers of a gallery, if it is finished; ``encoder`` is what embedded its tiles."""
    if (folder / MANIFEST).is_file():
        run_dir = encoder if (encoder / CONFIG).is_file() else None
        load_plugins(selection).observe("georet_gallery_end", gallery=folder, run_dir=run_dir)


def outcome(folder: Path) -> str:
    """Return what there is in the folder after a build, finished or not, as one paragraph."""
    if (folder / MANIFEST).is_file():
        gallery = StoredGallery.open(folder)
        bad = gallery.manifest["num_bad"]
        left_out = f"; {bad} could not be used, see bad_tiles.json" if bad else ""
        num_shards = len(gallery.manifest["shards"])
        return f"{folder}: {len(gallery):,} tiles in {_shards(num_shards)}{left_out}"
    state = build_state(folder)
    if state is None:
        return f"{folder}: nothing was begun"
    named = ", ".join(str(shard) for shard in state.missing[:_MOST_NAMED])
    more = ", ..." if len(state.missing) > _MOST_NAMED else ""
    return (
        f"{folder}: {state.num_tiles_done:,} of {state.num_tiles:,} tiles are done; not finished, "
        f"{len(state.missing)} of {state.num_shards} shards are missing: {named}{more}\n"
        "  The last share to be done finishes the gallery; so does the command without --shard."
    )


def cut_out(folder: Path, region: str, out: Path, encoder: Path | None) -> str:
    """Cut a region out of a gallery into a folder or a file, and say what there is now."""
    if out.exists():
        raise UsageError("exists already", where=str(out), hint="Choose another --out.")
    gallery, area = StoredGallery.open(folder), Region.parse(region)
    if out.suffix.lower() != ".zip":
        if encoder is not None:
            raise UsageError(
                "an encoder goes along in a file only", where="--encoder", hint=f"--out {out}.zip"
            )
        return outcome(cut_gallery(gallery, area, out))
    with tempfile.TemporaryDirectory(prefix=".georet-cut-", dir=out.parent) as name:
        part = cut_gallery(gallery, area, Path(name) / GALLERY)
        num = len(StoredGallery.open(part))
        pack(part, out, None if encoder is None else run_folder(encoder))
    size = megabytes(out.stat().st_size)
    return f"{out}: {num:,} tiles, {size}\n  Open it with: georet gallery unpack {out} --out DIR"


def unpacked(bundle: Path, out: Path) -> str:
    """Unpack a gallery's file, and say what to type next."""
    unpack(bundle, out)
    num = len(StoredGallery.open(out / GALLERY))
    has_encoder = (out / ENCODER).is_dir()
    encoder = str(out / ENCODER) if has_encoder else "RUN"
    return f"{out}: {num:,} tiles\n  georet locate {out / GALLERY} PHOTO --encoder {encoder}"


def length(side_m: float) -> str:
    """Return metres or kilometres for people."""
    return f"{side_m / 1000:.4g} km" if side_m >= 10_000 else f"{side_m:.4g} m"


def _area(area_km2: float) -> str:
    return f"{area_km2:,.0f} km²" if area_km2 >= 100 else f"{area_km2:.3g} km²"


def _shards(num: int) -> str:
    return f"{num:,} shard{'' if num == 1 else 's'}"


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
