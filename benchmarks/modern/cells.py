"""One cell of the study: a training in a world with one factor changed, and its figures."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factors import ALL_CELLS, BASE, FACTORS, REMEMBER, WORLDS, overrides
from georet.config import RunConfig
from georet.configure import configure
from georet.plugins import Plugins
from georet.train.run import new_run, train_run
from georet.train.setup import Data, load_data
from georet.train.trainer import Trainer

MODERN = "modern"
"""The factor that stands for a whole recipe."""


@dataclass(frozen=True)
class Cell:
    """One training: the recipe in a world, but for one level of one factor."""

    world: str
    factor: str
    level: str
    seed: int

    @property
    def name(self) -> str:
        """The name of its file of figures."""
        level = BASE if self.level == BASE else f"{self.factor}-{self.level}"
        plain = "".join(c if c.isalnum() or c in ".-" else "_" for c in f"{self.world}-{level}")
        return f"{plain}-s{self.seed}"

    @property
    def recipe(self) -> str:
        """The recipe that is trained."""
        world = WORLDS[self.world]
        return world.modern if self.factor == MODERN and self.level != BASE else world.recipe

    @property
    def sets(self) -> list[str]:
        """What is laid over the recipe."""
        own = (
            () if self.level == BASE or self.factor == MODERN else FACTORS[self.factor][self.level]
        )
        found = [*WORLDS[self.world].sets, f"seed={self.seed}", *ALL_CELLS]
        if self.level != MODERN and not any("panobev:aligned" in text for text in own):
            found.append(REMEMBER)
        return found + overrides(self.world, own)


def figures(
    cell: Cell, out: Path, *, extra: Sequence[str] = (), keeps: bool = False
) -> dict[str, Any]:
    """Return a cell's figures, trained unless that was done before; ``keeps`` leaves its run."""
    path = out / f"{cell.name}.json"
    if not path.is_file():
        found = _trained(cell, out, extra, keeps=keeps)
        path.write_text(json.dumps(found, indent=1) + "\n")
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def _trained(cell: Cell, out: Path, extra: Sequence[str], *, keeps: bool) -> dict[str, Any]:
    config, plugins = configure(recipe=cell.recipe, overrides=[*cell.sets, *extra])
    run_dir = out / "runs" / cell.name
    shutil.rmtree(run_dir, ignore_errors=True)
    new_run(run_dir, config, plugins)
    began, spent = time.perf_counter(), time.process_time()
    trainer = Trainer(config, plugins, run_dir, data=_data(config, plugins, run_dir))
    results = train_run(trainer)
    metrics = results["cross"].metrics
    found = {
        "world": cell.world,
        "factor": cell.factor if cell.level != BASE else BASE,
        "level": cell.level,
        "seed": cell.seed,
        "sets": [*overrides(cell.world, ()), *extra],
        "steps": trainer.state.step,
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_s": round(time.process_time() - spent, 1),
        "embed_dim": trainer.encoder.embed_dim,
        "metrics": {name: float(value) for name, value in metrics.items()},
    }
    if not keeps:
        shutil.rmtree(run_dir)
    return found


_loaded: dict[str, Data] = {}


def _data(config: RunConfig, plugins: Plugins, run_dir: Path) -> Data:
    key = config.dataset.model_dump_json() + config.data.model_dump_json()
    if key not in _loaded:
        _loaded[key] = load_data(config, plugins, run_dir)
    return _loaded[key]
