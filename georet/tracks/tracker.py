"""The tracker ``grid``: a filter over the map, smoothed, and sharpened by refined frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Self

from georet.contracts.tracking import Fix, Frame, Ground
from georet.errors import ConfigError
from georet.tracks.anchors import Anchored, anchored
from georet.tracks.filtering import KEPT_BYTES, LOST, Forward, smoothed, turn_of
from georet.tracks.fitting import SHARPNESSES, USUAL_STRAY, Belief, fit, scatter_of
from georet.tracks.grid import MOST_CELLS, Grid
from georet.tracks.judging import Seen, believed, fix_of, weighed
from georet.tracks.places import Spot
from georet.tracks.steps import Pace, motion_of, moved_of, newness, step_of, turned
from georet.types import Doubles

_FIT_CELLS, _FIT_CELLS_TURNED, _FIT_FRAMES = 20_000, 3_000, 400
_FORGETS: Final = 0.98
"""Live, evidence fades by this factor a frame, so that a change of ground may change its sharpness.
"""


@dataclass(frozen=True)
class GridTracker:
    """Locates a flight by a filter over the cells of the map, forward and backward.

    ``sharpness`` and ``stray`` of the scores are fitted to the flight unless they are given.
    ``speed_mps`` is how fast the aircraft may be where odometry tells nothing, ``lost`` how often
    odometry tells nothing at all although it says so, ``cells`` the most that the map is cut into.
    ConfigError for what can't be.
    """

    sharpness: float | None = None
    stray: float | None = None
    speed_mps: float = 15.0
    lost: float = LOST
    cells: int = MOST_CELLS

    def __post_init__(self) -> None:
        checks = {
            "sharpness": (self.sharpness is None or self.sharpness > 0, "above 0"),
            "stray": (self.stray is None or 0 < self.stray < 1, "between 0 and 1"),
            "speed_mps": (self.speed_mps > 0, "above 0"),
            "lost": (0 < self.lost < 1, "between 0 and 1"),
            "cells": (self.cells >= 100, "at least 100"),
        }
        for name, (is_right, wanted) in checks.items():
            if not is_right:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}", where="tracker grid", hint=f"Give {wanted}."
                )

    def __call__(self, ground: Ground, frames: Sequence[Frame]) -> list[Fix]:
        """Return a fix for each frame, by all frames."""
        if not frames:
            return []
        tracker = self.fitted(ground, frames)
        belief = tracker._belief(ground.sharpness)
        grid, motion = Grid.of(ground, most_cells=self.cells), motion_of(frames, self.lost)
        pace = Pace.of(frames, self.speed_mps)
        moves = [
            None if not at else moved_of(grid, pace, frames[at - 1], frame)
            for at, frame in enumerate(frames)
        ]
        steps = [None if move is None else step_of(grid, move) for move in moves]

        @lru_cache(maxsize=max(1, KEPT_BYTES // (8 * grid.size)))
        def scores(number: int) -> Doubles:
            frame = frames[number]
            return belief.likelihood(grid, frame, newness(grid, frame))

        def likelihood(number: int) -> Doubles:
            return weighed(grid, scores(number), frames[number])

        spots: list[Spot | None] = [None] * len(frames)
        turns, fixes = [0.0] * len(frames), []
        for one in smoothed(motion, grid.shape, steps, likelihood):
            frame, at = frames[one.number], one.number
            seen = Seen(one.belief, one.without, belief.likelihood(grid, frame))
            spots[at], turns[at] = believed(grid, seen, frame), one.turn_rad
            fixes.append(fix_of(grid, seen, frame, spots[at], None))
        if all(spot is None for spot in spots):
            return fixes[::-1]
        pairs = zip(moves, turns, strict=True)
        rights = [None if move is None else turned(move, turn) for move, turn in pairs]
        anchors, fixes = anchored(rights, spots), []
        for one in smoothed(motion, grid.shape, steps, likelihood):
            frame, at = frames[one.number], one.number
            seen = Seen(one.belief, one.without, belief.likelihood(grid, frame))
            fixes.append(fix_of(grid, seen, frame, spots[at], anchors[at]))
        return fixes[::-1]

    def fitted(self, ground: Ground, frames: Sequence[Frame]) -> Self:
        """Return the tracker with the sharpness and the stray that suit a flight best."""
        if self.sharpness is not None and self.stray is not None:
            return self
        some = list(frames[:_FIT_FRAMES])
        motion = motion_of(some, self.lost)
        most = _FIT_CELLS if len(motion.turns_rad) == 1 else _FIT_CELLS_TURNED
        grid = Grid.of(ground, most_cells=min(most, self.cells))
        pace = Pace.of(some, self.speed_mps)
        steps = [
            None if not at else step_of(grid, moved_of(grid, pace, some[at - 1], frame))
            for at, frame in enumerate(some)
        ]
        weights = [newness(grid, frame) for frame in some]
        found = fit(grid, motion, steps, some, weights, ground.sharpness)
        return dataclasses.replace(
            self,
            sharpness=self.sharpness or found.sharpness,
            stray=self.stray or found.stray,
        )

    def live(self, ground: Ground) -> Callable[[Frame], Fix]:
        """Return what locates one frame after the other."""
        return Live(self, ground)

    def _belief(self, sharpness: float) -> Belief:
        return Belief(self.sharpness or sharpness, self.stray or USUAL_STRAY)


@dataclass
class Live:
    """A flight that goes on: the frames so far, filtered by several sharpnesses side by side.

    The answer is that of the one that has foretold the flight best so far.
    """

    tracker: GridTracker
    ground: Ground
    _grid: Grid = field(init=False)
    _beliefs: list[Belief] = field(init=False, default_factory=list)
    _filters: list[Forward] = field(init=False, default_factory=list)
    _before: list[Forward] = field(init=False, default_factory=list)
    _anchored: Anchored | None = field(init=False, default=None)
    _anchored_before: Anchored | None = field(init=False, default=None)
    _last: Frame | None = field(init=False, default=None)
    _asked: Frame | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._grid = Grid.of(self.ground, most_cells=self.tracker.cells)

    def __call__(self, frame: Frame) -> Fix:
        """Return the place of the next frame, or of the same one once more, now refined."""
        if self._asked is not None and self._asked.rows is frame.rows:
            self._filters, self._anchored = self._before, self._anchored_before
        else:
            self._last = self._asked
        if not self._filters:
            self._begin(frame)
        self._before = [dataclasses.replace(one) for one in self._filters]
        for copy, one in zip(self._before, self._filters, strict=True):
            copy.belief, copy.foretold = one.belief, one.foretold
        self._anchored_before = self._anchored and dataclasses.replace(self._anchored)
        return self._told(frame)

    def _begin(self, frame: Frame) -> None:
        tracker, scatter = self.tracker, scatter_of([frame])
        if tracker.sharpness is not None or not scatter:
            self._beliefs = [tracker._belief(self.ground.sharpness)]
        else:
            stray = tracker.stray or USUAL_STRAY
            self._beliefs = [Belief(value / scatter, stray) for value in SHARPNESSES]
        motion = motion_of([frame], tracker.lost)
        self._filters = [Forward(motion, self._grid.shape) for _ in self._beliefs]

    def _told(self, frame: Frame) -> Fix:
        grid, last = self._grid, self._last
        move = None
        if last is not None:
            move = moved_of(grid, Pace(self.tracker.speed_mps), last, frame)
        step = None if move is None else step_of(grid, move)
        weight = newness(grid, frame)
        for belief, one in zip(self._beliefs, self._filters, strict=True):
            one.log_evidence *= _FORGETS
            one.tell(step, weighed(grid, belief.likelihood(grid, frame, weight), frame))
        best = max(range(len(self._filters)), key=lambda at: self._filters[at].log_evidence)
        one, belief = self._filters[best], self._beliefs[best]
        scores = belief.likelihood(grid, frame)
        seen = Seen(one.belief.sum(axis=0), one.foretold.sum(axis=0), scores)
        spot = believed(grid, seen, frame)
        anchor = None
        if self._anchored is not None and move is not None:
            self._anchored.move(turned(move, turn_of(one.motion, one.belief)))
        if spot is not None:
            self._anchored = self._anchored or Anchored()
            self._anchored.see(spot)
        if self._anchored is not None:
            anchor = self._anchored.spot
        self._asked = frame
        return fix_of(grid, seen, frame, spot, anchor)
