"""Writing a data set in the layout of another: whole or not at all, and going on after a kill."""

from __future__ import annotations

import importlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from georet.contracts.training import Dataset
from georet.errors import DataError, UsageError
from georet.evaluate.evaluator import choose
from georet.files import write_json
from georet.platforms import sync
from georet.suggest import hint_for
from georet.types import EvaluationSet, PairTable

Writer = Callable[[PairTable, Mapping[str, EvaluationSet], Path], None]
"""(training pairs, evaluation sets by name, main one first, folder) -> None."""

LAYOUTS: Final = {
    "cvusa": "georet_datasets.writers.cvusa",
    "cvact": "georet_datasets.writers.cvact",
    "vigor": "georet_datasets.writers.vigor",
    "university-1652": "georet_datasets.writers.university",
    "pairs-csv": "georet_datasets.writers.pairs_csv",
}
"""The modules that write them, each by its function ``write``."""

NUM_SETS: Final = {"cvact": 2}
"""How many evaluation sets a layout holds, if not one."""

RECORD: Final = "export.json"


def export_dataset(
    dataset: Dataset,
    layout: str,
    out: Path,
    *,
    about: Mapping[str, Any],
    evaluations: Sequence[str] | None = None,
) -> None:
    """Write a data set below ``out``, which must not exist or be empty.

    ``evaluations`` are the sets to write, by default the first. ``about`` says what is written: a
    folder that a kill left half-written is gone on with if it was about the same. The record
    ``export.json`` stays in the tree.
    """
    write = _writer(layout)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError("is there already", where=str(out), hint="Name a new or empty folder.")
    sets = dataset.evaluations()
    chosen = choose(sets, evaluations or list(sets)[:1], where="--evaluation")
    if len(chosen) > (held := NUM_SETS.get(layout, 1)):
        raise UsageError(
            f"{len(chosen)} sets named, layout {layout} holds {held}", where="--evaluation"
        )
    record = {"layout": layout, **about, "evaluations": list(chosen)}
    try:
        partial = _partial(out, record)
        write(dataset.train(), chosen, partial)
        # One call for all files: a sync of each takes longer than the export.
        os.sync()
        partial.rename(out)
        sync(out.parent)
    except OSError as error:
        raise DataError(f"can't be written: {error.strerror}", where=str(out)) from error


def _writer(layout: str) -> Writer:
    if layout not in LAYOUTS:
        hint = hint_for(layout, LAYOUTS, "layouts")
        raise UsageError(f"there is no layout {layout!r}", where="--layout", hint=hint)
    writer: Writer = importlib.import_module(LAYOUTS[layout]).write
    return writer


def _partial(out: Path, record: Mapping[str, Any]) -> Path:
    """Return the folder that becomes ``out``: one that was left half-written, or a new one."""
    out = out.absolute()
    partial = out.with_name(f".{out.name}.partial")
    if _record_of(partial) != json.loads(json.dumps(record)):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        write_json(partial / RECORD, record)
    return partial


def _record_of(partial: Path) -> Any:
    try:
        return json.loads((partial / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
