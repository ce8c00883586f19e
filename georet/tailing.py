"""New lines of a run's ``events.jsonl``, for plugins that pass them on to a log of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from georet.progress import say
from georet.run_layout import EVENTS


class EventTail:
    """Reads the events that were not read yet, over all resumes.

    A resume cuts the file where the checkpoint stood, and the same bytes come again: what was read
    is not read twice. ``mark`` is what to keep between processes, as JSON values; without one all
    events are new. Where other bytes come than before (a component changed), reading goes on at
    ``cut_at``, with a warning.
    """

    def __init__(
        self, run_dir: Path, mark: Mapping[str, Any] | None = None, *, cut_at: int | None = None
    ) -> None:
        self.path = run_dir / EVENTS
        self._at = int(mark["at"]) if mark else 0
        self._wanted = str(mark["sha256"]) if mark else None
        self._cut_at = min(cut_at or 0, self._at)
        self._hash = hashlib.sha256()

    @property
    def mark(self) -> dict[str, Any]:
        """How far the file was read, and the SHA-256 of that."""
        digest = self._hash.hexdigest() if self._wanted is None else self._wanted
        return {"at": self._at, "sha256": digest}

    def new(self) -> list[dict[str, Any]]:
        """Return the events since the last call; none while those come again that were read."""
        if not self.path.is_file() or self.path.stat().st_size < self._at:
            return []
        with self.path.open("rb") as stream:
            if self._wanted is not None:
                self._compare(stream.read(self._at))
            stream.seek(self._at)
            content = stream.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._at += len(whole)
        self._hash.update(whole)
        return [json.loads(line) for line in whole.splitlines()]

    def _compare(self, before: bytes) -> None:
        self._hash = hashlib.sha256(before)
        if self._hash.hexdigest() != self._wanted:
            say(f"warning: {self.path} is not what it was before the resume; passed on again")
            self._at = self._cut_at
            self._hash = hashlib.sha256(before[: self._at])
        self._wanted = None


def figures_of(event: Mapping[str, Any]) -> tuple[int, dict[str, float]] | None:
    """Return step and named numbers of an event, as they are plotted; None where it has none.

    Of a step ``train/loss``, ``train/lr``, each loss as ``train/losses/NAME``; of an evaluation
    ``SET/METRIC``; of a plugin's own event ``EVENT/KEY``.
    """
    if "step" not in event:
        return None
    kind, inner = str(event["event"]), dict[str, Any]()
    head = {"step": "train", "eval": event.get("set", "eval")}.get(kind, kind)
    for key, value in event.items():
        if isinstance(value, Mapping):
            group = "" if kind == "eval" else f"{key}/"
            inner |= {f"{group}{name}": each for name, each in value.items()}
        elif key not in ("event", "step", "epoch", "set", "final"):
            inner[key] = value
    found = {
        f"{head}/{name}": float(value)
        for name, value in inner.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return (int(event["step"]), found) if found else None
