"""Asking a tracker for the places of a sequence: what it does wrong is told with its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from georet.blame import blaming, maker_of
from georet.contracts.tracking import Fix, Frame, Ground, Tracker


def track(tracker: Tracker, ground: Ground, frames: Sequence[Frame]) -> list[Fix]:
    """Return a fix for each frame; ComponentError names a tracker that gives anything else."""
    with blaming(tracker, "the tracker"):
        found: Any = tracker(ground, frames)
    maker = maker_of(tracker)
    if not isinstance(found, Sequence) or not all(isinstance(fix, Fix) for fix in found):
        raise maker.broke(
            f"returned a {type(found).__name__}, wanted a list of Fix",
            "georet.contracts.tracking says what a tracker returns.",
        )
    if len(found) != len(frames):
        raise maker.broke(f"gave {len(found)} fixes for {len(frames)} frames")
    return list(found)
