"""A commented YAML for a data set that was recognised, written only if it fits the data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from georet.errors import UsageError
from georet.files import write_atomic

if TYPE_CHECKING:
    from georet.config import RunConfig
    from georet.contracts.training import Dataset

RECIPES = {
    "cvusa": "sample4geo/cvusa-small",
    "cvact": "sample4geo/cvact-small",
    "vigor": "sample4geo/vigor-{area}-small",
    "university1652": "sample4geo/university-1652-small",
}
OWN = "sample4geo/own-data"
"""For pairs.csv, and for data sets without a recipe of their own."""


def write_start(path: Path, name: str, options: dict[str, Any]) -> str:
    """Write a configuration for the data set ``name``; return what was done and what to type.

    UsageError if there is such a file; ConfigError and DataError if the data don't fit.
    """
    from georet.configure import configure

    if path.exists():
        raise UsageError("exists already", where=str(path), hint="Name another: --out FILE.")
    options = {**options, "root": str(Path(options["root"]).absolute())}
    recipe = RECIPES.get(name, OWN).format(**options)
    spec = {"name": f"datasets:{name}", **options}
    config, plugins = configure(
        recipe=recipe, overrides=[f"dataset={json.dumps(spec)}", "evaluate.during=[]"]
    )
    from georet.contracts.building import BuildContext

    made: Dataset = plugins.catalog.create(
        "datasets", config.dataset, where="dataset", context=BuildContext(plugins.catalog)
    )
    pairs, sets = made.train(), list(made.evaluations())
    write_atomic(path, _text(path, config, spec, sets, num_pairs=len(pairs)))
    try:
        configure(path=path)
    except Exception:
        path.unlink(missing_ok=True)
        raise
    return (
        f"wrote {path}: {len(pairs):,} pairs to train on, judged on {', '.join(sets)}\n"
        f"georet data check {options['root']}\n"
        f"georet train --config {path} --dry-run\n"
        f"georet train --config {path}"
    )


def _text(
    path: Path, config: RunConfig, spec: dict[str, Any], sets: list[str], *, num_pairs: int
) -> str:
    size = {view: list(found) for view, found in config.data.size.items()}
    return f"""\
# A training on {num_pairs:,} pairs. Written by `georet init`; every line may be changed.
#   georet train --config {path}
# All keys there are: `georet config show --config {path}`.

# Where the settings come from that are not in this file; `georet config show --recipe NAME`.
recipe: {config.recipe}

# Where the data are. Options of the data set: `georet plugins show {spec["name"]}`.
dataset: {json.dumps(spec)}

data:
  # Height and width in pixels to which photos (query) and tiles (reference) are brought.
  size: {json.dumps(size)}
  # Keep decoded images on disk, so that later epochs and runs load them at once.
  # cache: true

train:
  epochs: {config.train.epochs}
  # The loss sees as many negatives as there are pairs in a batch. What doesn't fit into memory at
  # once fits in parts: chunk.
  batch_size: {config.train.batch_size}
  # chunk: 16
  lr: {config.train.lr}

evaluate:
  # Sets that judge the run while it trains; at the end all do: {", ".join(sets)}.
  during: [{sets[0]}]

# The same without hard negatives, to see what they bring:
# sampler: {{name: random}}

# Another encoder: `georet encoder list`.
# encoder: {{backbone: {{name: "sample4geo:timm", model: convnext_tiny, weights: timm}}}}

seed: {config.seed}
"""
