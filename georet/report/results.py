"""What runs have to show: their configurations and results, read for comparison."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError

from georet.configure import load_resolved
from georet.configure.recipes import NO_RECIPE
from georet.errors import DataError
from georet.files import read_json
from georet.report.records import Manifest, SetRecord
from georet.run_layout import CONFIG, EVALUATION, MANIFEST
from georet.vouching import check_vouched

_FREE: Final[dict[str, bool | set[str]]] = {"seed": True, "device": True, "data": {"workers"}}
"""What may differ between runs that are repetitions of each other."""


class ResultRecord(SetRecord):
    """A result as ``georet.evaluate.evaluator.summary`` writes it."""

    dataset: str = ""
    field_of_view: str | None = None
    checkpoint: str = "last"
    warnings: tuple[str, ...] = ()
    versions: dict[str, str] = Field(default={})

    def key(self, folder: str) -> tuple[str, ...]:
        """Return what must agree for two results to stand in one table."""
        counts = f"{self.num_queries} queries, {self.num_references} references"
        name = f"{folder}/{self.set}" if folder else self.set
        shown = self.field_of_view or ""
        return (self.dataset, name, self.protocol, counts, shown, f"checkpoint {self.checkpoint}")


@dataclass(frozen=True)
class RunResults:
    """A run's configuration without what repetitions may change, its seed, and its results."""

    path: Path
    seed: int
    recipe: str
    config: Mapping[str, Any]
    changes: tuple[str, ...]
    """What was typed beside the recipe: ``--set`` values, configuration files."""
    results: Mapping[tuple[str, ...], ResultRecord]

    @cached_property
    def flat(self) -> dict[str, str]:
        """The configuration as {dotted key: value}."""
        return dict(_flat(self.config))

    @property
    def parts(self) -> list[str]:
        """Recipe and changes, the seed left out."""
        return [self.recipe, *self.changes]

    @property
    def name(self) -> str:
        """The parts as one text."""
        return ", ".join(self.parts)


def read_results(run_dir: Path) -> RunResults:
    """Read a run's folder; DataError, with what to type, where it has no results."""
    path = run_dir / CONFIG
    if not path.is_file():
        raise DataError(
            f"there is no run here: {CONFIG} is missing",
            where=str(run_dir),
            hint="Name the folder that `georet train` printed.",
        )
    check_vouched(run_dir)
    config = load_resolved(path)
    results = dict(_results(run_dir / EVALUATION))
    if not results:
        raise DataError(
            "the run has no results yet",
            where=str(run_dir),
            hint=f"Finish it (georet train --resume {run_dir}), or judge it as it is:\n"
            f"  georet eval {run_dir} --save now",
        )
    return RunResults(
        run_dir,
        config.seed,
        config.dataset.name if config.recipe in (None, NO_RECIPE) else str(config.recipe),
        config.model_dump(mode="json", exclude=_FREE),
        _changes(run_dir / MANIFEST),
        results,
    )


def _results(folder: Path) -> list[tuple[tuple[str, ...], ResultRecord]]:
    found = []
    for path in sorted(folder.rglob("*.json")):
        try:
            record = ResultRecord.model_validate(read_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            what = f"is no result: {'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise DataError(what, where=str(path)) from error
        inner = path.parent.relative_to(folder).as_posix()
        inner = "" if inner == "." else inner
        found.append((record.key(inner), record))
        for name, stage in record.after_stages():
            after = record.model_copy(update={"set": name, "metrics": stage.metrics, "stages": ()})
            found.append((after.key(inner), after))
    return found


def _changes(path: Path) -> tuple[str, ...]:
    """Return what the run's command line set, the seed apart; nothing where that isn't known."""
    if not path.is_file():
        return ()
    try:
        words = shlex.split(Manifest.model_validate(read_json(path)).command)
    except ValueError:
        return ()
    changes = []
    for flag, value in pairwise(words):
        is_change = flag == "--set" and not value.startswith(("seed=", "device="))
        if is_change or flag in ("--config", "-c"):
            changes.append(value)
    return tuple(changes)


def _flat(value: Any, place: str = "") -> list[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        inner = [(str(key), entry) for key, entry in value.items()]
    elif isinstance(value, list) and any(isinstance(entry, Mapping | list) for entry in value):
        inner = [(str(number), entry) for number, entry in enumerate(value)]
    else:
        return [(place, str(value))]
    return [pair for key, entry in inner for pair in _flat(entry, f"{place}.{key}".lstrip("."))]
