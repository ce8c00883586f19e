"""What ``georet encoder`` does: write an untrained encoder as a run, and list some for a start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.blame import maker_of
from georet.config import RunConfig
from georet.configure.inline import spec_of
from georet.contracts.building import BuildContext
from georet.contracts.encoding import Fit
from georet.data.images import preprocess
from georet.embeddings import embed
from georet.encoder import Encoder
from georet.errors import UsageError
from georet.fits.fitting import check_fits, fit_behind
from georet.page.readable import megabytes
from georet.plugins import Selection, load_plugins
from georet.pretrained.making import make_run
from georet.pretrained.naming import KIND, is_named, untrained
from georet.progress import stage
from georet.sessions import BATCH, SessionSpec, TorchSession
from georet.sources.opening import open_source
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling
from georet.types import QUERY, REFERENCE, Floats

MOST_TILES: Final = 4096
"""So many tiles, from all over the area, stand for it in a fit."""
_FLOAT_BYTES: Final = 4


def make(
    name: str,
    out: Path,
    *,
    fits: Sequence[str] = (),
    tiles: str | None = None,
    tiling: Tiling | None = None,
    most_tiles: int = MOST_TILES,
    selection: Selection,
) -> list[str]:
    """Write the encoder of that name as the run ``out``; return lines that say what there is.

    ``fits`` (``whitening:dim=256``) are fitted to embeddings of the source ``tiles``, cut by
    ``tiling``; the maps are the same for photos and tiles.
    """
    if not is_named(name):
        raise UsageError(
            "is no encoder's name",
            where=name,
            hint="For example: timm:tf_efficientnet_lite0?weights=lite0. `georet encoder list` "
            "names some.",
        )
    if bool(fits) != (tiles is not None):
        given, lacking = ("--fit", "--tiles") if fits else ("--tiles", "--fit")
        raise UsageError(
            f"is given without {lacking}",
            where=given,
            hint="A fit needs imagery: --fit whitening --tiles area.tif --side 40m",
        )
    spec = untrained(name, selection=selection)
    catalog = load_plugins(selection).catalog
    context = BuildContext(catalog, views=(QUERY, REFERENCE))
    chosen = [spec_of(fit, where="--fit") for fit in fits]
    made: list[Fit] = [
        catalog.create("fits", each, where="--fit", context=context) for each in chosen
    ]
    change = None
    if tiles is not None:
        source = open_source(tiles, tiling or Tiling(), selection=selection)
        change = partial(_fitted, made, source, most_tiles)
    make_run(spec, out, selection=selection, change=change)
    return lines(out, selection)


def lines(run_dir: Path, selection: Selection) -> list[str]:
    """Return a run's folder and its encoder's identity."""
    session = SessionSpec(run_dir, view=REFERENCE, selection=selection).open()
    found, (height, width) = session.identity, session.identity.size
    session.close()
    about = f"{found.embed_dim}-d, {width} x {height} px, {found.resize_rule}"
    return [f"{run_dir}: {found.weights_sha256[:16]}, {about}"]


def suggestions(selection: Selection) -> list[dict[str, Any]]:
    """Return what the plugins' backbones suggest for a start, as JSON values."""
    found = []
    for entry in load_plugins(selection).catalog.entries(KIND):
        suggest = None if entry.missing else getattr(entry.factory(), "suggested", None)
        for each in suggest() if suggest is not None else ():
            number = int(each["num_parameters"])
            name = f"{entry.component.name}:{each['name']}"
            found.append({**each, "name": name, "bytes": number * _FLOAT_BYTES})
    return found


def as_rows(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str, str]]:
    """Return name, use, weights' memory, image size and licence of each, as text."""
    return [
        (
            str(each["name"]),
            str(each["use"]),
            megabytes(int(each["bytes"])),
            f"{each['size']} px",
            str(each["licence"]) + ("" if each["is_free"] else " (read it)"),
        )
        for each in found
    ]


def _fitted(
    fits: Sequence[Fit], source: TileSource, most: int, encoder: Encoder, config: RunConfig
) -> dict[str, Any]:
    """Put what fits make of a source's tiles behind the encoder; return what to note of it."""
    check_fits(fits, encoder.embed_dim, (QUERY, REFERENCE))
    found = _embedded(source, most, encoder, config)
    rows = np.arange(len(found))
    pairs = np.stack([rows, rows], axis=1)
    fitted = fit_behind(encoder, fits, {QUERY: found, REFERENCE: found}, pairs)
    facts = [
        {"fit": maker_of(one.fit).id, "embed_dim": len(one.maps[REFERENCE].weight)}
        for one in fitted
    ]
    return {"fitted": {"source": source.describe(), "num_tiles": len(found), "fits": facts}}


def _embedded(source: TileSource, most: int, encoder: Encoder, config: RunConfig) -> Floats:
    """Return embeddings float32[N, D] of at most so many tiles, spread evenly over a source."""
    num = len(source.tiles())
    rows = np.unique(np.linspace(0, num - 1, min(num, most)).round().astype(int)).tolist()
    session = TorchSession(encoder, REFERENCE, config)
    size, rule = session.identity.size, session.identity.resize_rule
    parts = []
    with stage(len(rows), "embedding to fit") as bar:
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            images = np.stack([preprocess(source.read(row), size, rule) for row in part])
            parts.append(embed(session, images))
            bar.advance(len(part))
    return np.concatenate(parts)
