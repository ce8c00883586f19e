"""Reads a run folder; what is missing or can't be read becomes a sentence, not a failure."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError

from georet.errors import DataError
from georet.page.cards import card
from georet.page.drawn import axes_for, draw_curves
from georet.page.readable import metric_label, metric_order, metric_value, seconds
from georet.report.records import (
    Manifest,
    Ranked,
    Record,
    SetRecord,
    StageTime,
    StepEvent,
    parse_event,
)
from georet.run_layout import CONFIG, EVALUATION, EVENTS, MANIFEST, TIMING

_R = TypeVar("_R", bound=Record)
_Parsed = TypeVar("_Parsed")
_BROKEN = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a missing, torn or foreign file raises; pydantic's errors are ValueErrors."""


@dataclass(frozen=True)
class RunFolder:
    """A run as its folder tells it; ``gaps`` are sentences about files that told nothing."""

    path: Path
    manifest: Manifest
    config: str | None
    events: tuple[Record, ...]
    timing: tuple[StageTime, ...]
    sets: Mapping[str, SetRecord]
    ranked: Mapping[str, Ranked]
    gaps: tuple[str, ...]

    @classmethod
    def open(cls, path: Path | str) -> RunFolder:
        """Read the run in a folder; DataError if there is none."""
        return read_run(Path(path))

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """{set: {metric: value}} of the run's evaluation; percent, and metres where named so."""
        return {name: found.known_metrics for name, found in self.sets.items()}

    def plot(self, axes: Any = None) -> Any:
        """Draw the loss of every step on matplotlib axes, and return those.

        MissingExtraError without matplotlib (extra ``plot``).
        """
        # A step's own number begins anew in every epoch.
        told = [event.loss for event in self.of(StepEvent)]
        loss = np.array([np.nan if value is None else value for value in told])
        curves = {"loss": (np.arange(len(loss), dtype=np.float64), loss)}
        return draw_curves(axes_for(axes), curves, "step", "loss")

    def _repr_html_(self) -> str:
        facts: dict[str, object] = {
            "recipe": self.manifest.recipe or "none",
            "trained on": self.manifest.dataset.name,
            "seed": self.manifest.seed,
            "took": seconds(self.manifest.duration_s),
        }
        for name, found in self.metrics.items():
            shown = [key for key in metric_order(found) if key in found][:3]
            told = ", ".join(f"{metric_label(k)} {metric_value(k, found[k])}" for k in shown)
            facts[name] = told
        return card(self.path.name, facts)

    def of(self, kind: type[_R]) -> list[_R]:
        """Return the events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]


def read_run(run_dir: Path) -> RunFolder:
    """Read manifest, config, events, timing and evaluations below ``run_dir``."""
    if not run_dir.is_dir():
        raise DataError("no such run folder", where=str(run_dir))
    gaps: list[str] = []
    sets, ranked = _read_evaluations(run_dir / EVALUATION, gaps)
    return RunFolder(
        path=run_dir,
        manifest=_attempt(_read_manifest, run_dir / MANIFEST, gaps) or Manifest(),
        config=_attempt(_read_text, run_dir / CONFIG, gaps),
        events=tuple(_read_lines(run_dir / EVENTS, parse_event, gaps)),
        timing=tuple(_read_lines(run_dir / TIMING, StageTime.model_validate, gaps)),
        sets=sets,
        ranked=ranked,
        gaps=tuple(gaps),
    )


def _read_evaluations(
    folder: Path, gaps: list[str]
) -> tuple[dict[str, SetRecord], dict[str, Ranked]]:
    sets: dict[str, SetRecord] = {}
    ranked: dict[str, Ranked] = {}
    for path in sorted(folder.glob("*.json")):
        if (record := _attempt(_read_set, path, gaps)) is None:
            continue
        sets[record.set] = record
        if (rows := _attempt(_read_ranked, path.with_suffix(".npz"), gaps)) is not None:
            ranked[record.set] = rows
    return sets, ranked


def _attempt(read: Callable[[Path], _Parsed], path: Path, gaps: list[str]) -> _Parsed | None:
    try:
        return read(path)
    except _BROKEN as error:
        gaps.append(f"{path.name} {_complaint(error)}.")
        return None


def _complaint(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "is missing"
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"is not as expected: {'.'.join(map(str, first['loc']))}: {first['msg']}"
    reason = error.strerror if isinstance(error, OSError) else error
    return f"can't be read: {reason}"


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _read_manifest(path: Path) -> Manifest:
    return Manifest.model_validate_json(path.read_bytes())


def _read_set(path: Path) -> SetRecord:
    return SetRecord.model_validate_json(path.read_bytes())


def _read_ranked(path: Path) -> Ranked:
    with np.load(path, allow_pickle=False) as arrays:
        ranked = Ranked(
            rank=arrays["rank"].astype(np.int64),
            top=arrays["top"].astype(np.int64),
            top_score=arrays["top_score"].astype(np.float32),
            positive=arrays["positive"].astype(np.int64),
        )
    num = len(ranked.rank)
    if ranked.rank.ndim != 1 or ranked.positive.ndim != 1:
        raise ValueError("rank and positive must be one row of numbers")
    if ranked.top.ndim != 2 or ranked.top.shape != ranked.top_score.shape:
        raise ValueError("top and top_score have different shapes")
    if len(ranked.top) != num or len(ranked.positive) != num:
        raise ValueError("its arrays have different lengths")
    return ranked


def _read_lines(
    path: Path, parse: Callable[[Any], _Parsed | None], gaps: list[str]
) -> Iterator[_Parsed]:
    text = _attempt(_read_text, path, gaps) or ""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line:
            continue
        try:
            record = parse(json.loads(line))
        except (ValueError, AttributeError) as error:
            gaps.append(f"Line {number} of {path.name} {_complaint(error)}.")
            continue
        if record is not None:
            yield record
