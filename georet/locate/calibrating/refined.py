"""Learning of a refiner from photos whose places are known, and judging what was learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from georet.contracts.refining import Refinement
from georet.locate.calibrating.fitting import Outcomes, conformal_mass
from georet.locate.calibration import Calibration
from georet.locate.refining import POOLED, Method, Refining, sigma_of
from georet.types import Bools, Doubles, Ints

CHANCE: Final = 0.005
"""So seldom may tiles that don't show a photo's place be accepted."""
_LEAST_ANSWERS: Final = 20
"""Fewer say nothing of a method or of the refused alone: those of all are taken."""
_STEEPEST: Final = 1.5
_LEAST_ERROR: Final = 1e-3
"""Errors below this share of the floor count as that: the floor holds them in any case."""


@dataclass(frozen=True)
class Attempts:
    """What a refiner said of Q known photos: its answers, how far off they are, where they count.

    ``error_m`` float64[Q] is NaN where it refused, ``reach_m`` float64[Q] half the best tile's
    diagonal. ``wrong`` are its answers on tiles that don't show the photos, ``floor_m`` is half a
    pixel of the map.
    """

    about: Mapping[str, Any]
    found: Sequence[Refinement]
    error_m: Doubles
    reach_m: Doubles
    wrong: Sequence[Refinement]
    floor_m: float

    def take(self, rows: Ints) -> Attempts:
        """Return those of rows int64[M]; the wrong ones stay."""
        found = [self.found[row] for row in rows]
        return Attempts(
            self.about, found, self.error_m[rows], self.reach_m[rows], self.wrong, self.floor_m
        )


def learnt(attempts: Attempts, error_mass: Doubles) -> Refining:
    """Return what attempts teach; ``error_mass`` float64[Q] is retrieval's, nearer than the truth.

    Radii by split conformal prediction on the error over a power of the standard deviation; the
    power by least squares of logarithms. The least clearness is what 99.5 % of wrong answers do
    not reach, or above all of them where they are fewer than 200.
    """
    least = {
        by: least_clearness([one for one in attempts.wrong if one.by == by], len(attempts.wrong))
        for by in {one.by for one in attempts.wrong if one.is_accepted}
    }
    kept = np.array([_counts(one, least) for one in attempts.found], np.bool_)
    methods: dict[str, Method] = {}
    names = sorted({one.by for one in attempts.found} | set(least) | {POOLED})
    for by in names:
        mine = kept & np.array([by in (one.by, POOLED) or by == POOLED for one in attempts.found])
        enough = mine if mine.sum() >= _LEAST_ANSWERS or by == POOLED else kept
        if kept.any():
            methods[by] = _method(attempts, enough, mine, least.get(by))
    refused = error_mass[~kept]
    masses = refused if len(refused) >= _LEAST_ANSWERS else error_mass
    return Refining(
        about=attempts.about,
        floor_m=attempts.floor_m,
        mass_50=conformal_mass(masses, 0.5),
        mass_90=conformal_mass(masses, 0.9),
        refused=float(1 - kept.mean()),
        num_wrong=len(attempts.wrong),
        wrong_accepted=sum(one.is_accepted for one in attempts.wrong),
        methods=methods,
    )


def least_clearness(wrong: Sequence[Refinement], num: int) -> float | None:
    """Return the clearness that no more than ``CHANCE`` of ``num`` wrong answers reach."""
    reached = sorted(
        (one.clearness for one in wrong if one.is_accepted and one.clearness is not None),
        reverse=True,
    )
    allowed = int(CHANCE * num)
    return float(np.nextafter(reached[allowed], np.inf)) if len(reached) > allowed else None


def _counts(found: Refinement, least: Mapping[str, float | None]) -> bool:
    lowest = least.get(found.by)
    unclear = lowest is not None and found.clearness is not None and found.clearness < lowest
    return found.is_accepted and not unclear


def _method(attempts: Attempts, rows: Bools, own: Bools, least: float | None) -> Method:
    at = np.flatnonzero(rows)
    errors = np.maximum(attempts.error_m[at], _LEAST_ERROR * attempts.floor_m)
    sigma = np.array([sigma_of(attempts.found[row]) for row in at.tolist()])
    x, y = np.log(sigma), np.log(errors)
    spread = float(x.var())
    slope = float(((x - x.mean()) * (y - y.mean())).mean()) / spread if spread > 1e-9 else 0.0
    power = float(np.clip(slope, 0.0, _STEEPEST))
    scaled = np.sort(errors / sigma**power)
    right = attempts.error_m[own] <= attempts.reach_m[own]
    # Half a right one and half a wrong one more, so that none claims certainty.
    share = (float(right.sum()) + 0.5) / (len(right) + 1)
    inner, outer = (_quantile(scaled, level) for level in (0.5, 0.9))
    return Method(power, inner, outer, share, int(own.sum()), least)


def _quantile(ascending: Doubles, share: float) -> float:
    """Return the ceil((n + 1) share)-th of n values, or the last."""
    rank = min(len(ascending), int(np.ceil((len(ascending) + 1) * share)))
    return float(ascending[rank - 1])


def judged_refining(
    attempts: Attempts, judged: Outcomes, calibration: Calibration
) -> dict[str, float]:
    """Return how radii hold on Q photos that the fit had not seen: shares, and medians in metres.

    ``inside_50`` and ``inside_90`` leave the floor out, which holds more than it promises.
    """
    refining = calibration.refining
    assert refining is not None
    answers = [refining.checked(one) for one in attempts.found]
    kept = np.array([one.is_accepted for one in answers])
    radii, bare = np.empty((len(kept), 2)), np.full((len(kept), 2), np.nan)
    for at, (one, spread) in enumerate(zip(answers, judged.spreads, strict=True)):
        method = refining.method(one.by)
        if one.is_accepted and method is not None:
            bare[at] = method.radii_m(sigma_of(one))
            radii[at] = np.maximum(bare[at], refining.floor_m)
        else:
            radii[at] = spread.radius_m(refining.mass_50), spread.radius_m(refining.mass_90)
    error = np.where(kept, attempts.error_m, judged.error_m)
    held, inside = error[:, None] <= radii, error[:, None] <= bare
    return {
        "refused": float(1 - kept.mean()),
        "wrong": _mean((error > attempts.reach_m)[kept]),
        **_both("covered", held),
        **_both("covered_refined", held[kept]),
        **_both("covered_retrieved", held[~kept]),
        **_both("inside", inside[kept]),
        "median_error_refined_m": _median(error[kept]),
        "median_radius_50_refined_m": _median(radii[kept, 0]),
        "median_radius_90_refined_m": _median(radii[kept, 1]),
    }


def _both(name: str, held: Bools) -> dict[str, float]:
    return {f"{name}_{share}": _mean(held[:, at]) for at, share in enumerate((50, 90))}


def _mean(values: Bools) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _median(values: Doubles) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def means(trials: Sequence[Mapping[str, float]]) -> dict[str, float | None]:
    """Return the means over trials, None for what no trial knows."""
    found: dict[str, float | None] = {}
    for key in trials[0]:
        values = [one[key] for one in trials if np.isfinite(one[key])]
        found[key] = float(np.mean(values)) if values else None
    return found
