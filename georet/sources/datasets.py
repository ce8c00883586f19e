"""The galleries of georet's own data sets as sources of tiles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.contracts.training import Dataset
from georet.errors import DataError, UsageError
from georet.ground.images import corners_of, sides_of, without_ground
from georet.ground.wgs84 import wrapped
from georet.plugins import UNSAID, Plugins, Selection, load_plugins
from georet.sources.asked import options_of
from georet.sources.images import ImageSource, one_side_m, square_table
from georet.suggest import hint_for
from georet.tiles.table import TileTable
from georet.tiles.tiling import Tiling
from georet.types import EvaluationSet, ImageTable


def open_dataset(
    text: str, options: Mapping[str, Any], tiling: Tiling, *, selection: Selection = UNSAID
) -> ImageSource:
    """Return the gallery of ``NAME[:SET]``, a data set that is made with options.

    The name may be a canonical id, ``plugin:name``.
    """
    spec, which = _set_of(text, options, selection=selection)
    return _gallery(spec, *which, tiling, where=f"dataset:{text}")


def dataset_set(
    text: str, *, selection: Selection = UNSAID
) -> tuple[ComponentSpec, tuple[str, EvaluationSet]]:
    """Return data set, and name and content of the set, of ``NAME[:SET][?key=value&...]``.

    Values are read as YAML.
    """
    named, _, query = text.partition("?")
    return _set_of(named, options_of(query, where=text), selection=selection)


def open_run(text: str, tiling: Tiling, *, selection: Selection = UNSAID) -> ImageSource:
    """Return the gallery of ``RUN_DIR[:SET]``, from the data set that the run was trained with."""
    spec, which = run_set(text, selection=selection)
    return _gallery(spec, *which, tiling, where=f"run:{text}")


def run_set(
    text: str, *, selection: Selection = UNSAID
) -> tuple[ComponentSpec, tuple[str, EvaluationSet]]:
    """Return the data set of ``RUN_DIR[:SET]``, and name and content of the set."""
    from georet.train.run import check_run, reconfigure
    from georet.train.setup import evaluations_of, make_dataset

    folder, _, wanted = (text, "", "") if Path(text).is_dir() else text.rpartition(":")
    path = check_run(Path(folder or text))
    config, loaded = reconfigure(path, selection=selection)
    sets = evaluations_of(make_dataset(config, loaded, path.parent), loaded)
    return config.dataset, _chosen(sets, wanted, where=f"run:{text}")


def _set_of(
    named: str, options: Mapping[str, Any], *, selection: Selection
) -> tuple[ComponentSpec, tuple[str, EvaluationSet]]:
    from georet.train.setup import evaluations_of

    loaded = load_plugins(selection, also=_owners(named))
    name, wanted = _split_name(named, loaded)
    spec = ComponentSpec.model_validate({"name": name, **options})
    where, context = f"dataset:{named}", BuildContext(loaded.catalog)
    made = loaded.catalog.create("datasets", spec, where=where, context=context)
    return spec, _chosen(evaluations_of(cast(Dataset, made), loaded), wanted, where=where)


def _owners(named: str) -> list[str]:
    """Return the plugin to load for ``plugin:name``, where that is installed."""
    from georet.plugins.discovery import installed

    owner = named.partition(":")[0]
    return [owner] if ":" in named and owner in installed() else []


def _split_name(named: str, plugins: Plugins) -> tuple[str, str]:
    """Return the data set's name and the set's: the longest name that there is, then the rest."""
    catalog = plugins.catalog
    known = {entry.id for entry in catalog.entries("datasets")} | set(catalog.names("datasets"))
    parts = named.split(":")
    for num in range(len(parts), 0, -1):
        name = ":".join(parts[:num])
        if name in known:
            return name, ":".join(parts[num:])
    return parts[0], ":".join(parts[1:])


def _chosen(
    sets: Mapping[str, EvaluationSet], wanted: str, *, where: str
) -> tuple[str, EvaluationSet]:
    if not sets:
        raise DataError("the data set has no gallery (no evaluation set)", where=where)
    name = wanted or next(iter(sets))
    if name not in sets:
        hint = hint_for(name, sets, "sets")
        raise UsageError(f"the data set has no set {name!r}", where=where, hint=hint)
    return name, sets[name]


def _gallery(
    spec: ComponentSpec, name: str, which: EvaluationSet, tiling: Tiling, *, where: str
) -> ImageSource:
    images = which.gallery
    if images.latlon is None:
        raise DataError("its gallery has no positions", where=where)
    table = _tiles(images, tiling, where)
    about = {"kind": "dataset", "dataset": spec.model_dump(mode="json")}
    described = {**about, "set": name, "tiling": tiling.as_json()}
    return ImageSource(table, images.paths, described, listed=images.origin or spec.name)


def _tiles(images: ImageTable, tiling: Tiling, where: str) -> TileTable:
    """Return the tiles of a gallery with positions, squares where a side was asked for."""
    assert images.latlon is not None
    side_m = one_side_m(tiling, where=where)
    if side_m is not None:
        return square_table(images.ids, images.latlon, np.full(len(images), side_m))
    lacking = without_ground(images)
    if len(lacking):
        raise UsageError(
            "the data set doesn't tell how large its tiles are on the ground"
            + (f": {images.ids[lacking[0]]!r}" if len(lacking) < len(images) else ""),
            where=where,
            hint="Give it: --side 72m (in Python Tiling(side_m=(72.0,))).",
        )
    centres = images.latlon.copy()
    centres[:, 1] = wrapped(centres[:, 1])
    corners = corners_of(images)
    corners[..., 1] += (centres[:, 1] - images.latlon[:, 1])[:, None]
    return TileTable(images.ids, centres, corners, sides_of(images))
