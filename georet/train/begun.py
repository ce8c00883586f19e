"""What a run was begun with, as its checkpoints remember it, and what a resume may change of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from georet.config import RunConfig
from georet.errors import ConfigError, DataError
from georet.run_layout import CONFIG
from georet.types import PairTable

MAY_CHANGE: Final = (
    "plugins",
    "recipe",
    "device",
    "data.workers",
    "data.cache",
    "data.max_pixels",
    "data.bad_image_quota",
    "train.checkpoint_every",
    "train.max_bad_steps",
    "train.compile",
    "train.threads",
    "train.ranks",
    "evaluate",
    "fits",
)
"""Keys, with all below them, that a resume may change: they don't decide what is learnt."""


def begun(config: RunConfig, pairs: PairTable) -> dict[str, Any]:
    """Return as JSON values what decides a training: its configuration and its data."""
    return {"config": config.model_dump(mode="json"), "data": _data(pairs)}


def check_begun(
    recorded: Mapping[str, Any] | None,
    config: RunConfig,
    pairs: PairTable,
    *,
    has_fits: bool = False,
) -> list[str]:
    """Return what changed and may, as lines to be told; raise for what may not.

    ConfigError lists the changed keys, DataError says that the training pairs are others.
    ``has_fits`` says that the run's fits are made, so that others would come too late. ``recorded``
    is None for checkpoints that were written before this was remembered.
    """
    if recorded is None:
        return []
    now = begun(config, pairs)
    told: list[str] = []
    refused: list[str] = []
    for key, before, after in _differences(_as_now(recorded["config"]), now["config"]):
        line = f"{key} was {before!r}, and is {after!r}"
        may = any(key == one or key.startswith(f"{one}.") for one in MAY_CHANGE)
        may &= not (has_fits and key == "fits")
        (told if may else refused).append(line)
    if refused:
        raise ConfigError(
            "the run was begun with another configuration: " + "; ".join(refused),
            where=CONFIG,
            hint="Put back what was, or start a new run; a resumed run would be neither.",
        )
    before, after = recorded["data"], now["data"]
    for name, value in before.items():
        if after.get(name) != value:
            raise DataError(
                f"the training data is not what the run was begun with: {name} was {value}, and is "
                f"{after.get(name)}",
                where=config.dataset.name,
                hint="Put the data back as it was, or start a new run.",
            )
    return told


def _as_now(config: dict[str, Any]) -> dict[str, Any]:
    """Return a recorded configuration with the keys that came since, at their defaults."""
    try:
        return RunConfig.model_validate(config).model_dump(mode="json")
    except ValidationError:
        return config


def _data(pairs: PairTable) -> dict[str, Any]:
    digest = hashlib.sha256()
    for array in (pairs.pairs, pairs.semi_positives, *pairs.columns.values()):
        digest.update(b"-" if array is None else np.ascontiguousarray(array).astype("U").tobytes())
    for view in sorted(pairs.alternatives):
        pair, image = pairs.listed(view)
        digest.update(view.encode() + pair.tobytes() + image.tobytes())
    for name, table in pairs.views.items():
        digest.update("\n".join([name, *map(str, table.ids)]).encode("utf-8", "surrogateescape"))
        if table.latlon is not None:
            digest.update(np.ascontiguousarray(table.latlon).tobytes())
    images = {name: len(table) for name, table in pairs.views.items()}
    # What came later stands apart, so that a run from before is compared by what it knew.
    return {
        "pairs": len(pairs),
        "images": images,
        "hash": digest.hexdigest()[:16],
        "columns": _columns(pairs),
    }


def _columns(pairs: PairTable) -> str:
    """Return a digest of the names of all columns, and of what stands in those of the images."""
    digest = hashlib.sha256("\n".join(sorted(pairs.columns)).encode())
    for view, table in pairs.views.items():
        for name in sorted(table.columns):
            values = np.asarray(table.columns[name])
            # The same numbers are the same, in whatever width a machine keeps them.
            wide = {"i": np.int64, "u": np.uint64, "f": np.float64, "b": np.bool_}
            plain = np.ascontiguousarray(values.astype(wide.get(values.dtype.kind, "U")))
            digest.update(f"\n{view}.{name}{list(values.shape)}".encode())
            digest.update(
                "\n".join(plain.ravel()).encode("utf-8", "surrogateescape")
                if plain.dtype.kind == "U"
                else plain.tobytes()
            )
    return digest.hexdigest()[:16]


def _differences(before: Any, after: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (dotted key, value before, value after) of all leaves that differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            inner = f"{key}.{name}" if key else str(name)
            yield from _differences(before.get(name), after.get(name), inner)
    elif before != after:
        yield key, before, after
