"""Making a calibration: fitted on all queries, and judged on halves that the fit had not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from georet.errors import DataError, UsageError
from georet.gallery.files.manifest import hash_of
from georet.locate.calibrating.fitting import (
    KnownQueries,
    Outcomes,
    confidence_knots,
    conformal_mass,
    fit_tuning,
    known_queries,
    outcomes_of,
    threshold_for,
)
from georet.locate.calibrating.refined import Attempts, judged_refining, learnt, means
from georet.locate.calibration import Calibration
from georet.locate.field import Field
from georet.locate.layout import Layout
from georet.types import Bools, Doubles, Floats

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery

LEAST_QUERIES: Final = 40
"""With fewer, the 90 % radius would rest on one or two of the half that it is tried on."""
Reranked = tuple[Mapping[str, Any], Callable[[int, Field], Field]]
PRECISION: Final = 0.95
NUM_SEEDS: Final = 5
DECILES: Final = tuple(n / 10 for n in range(1, 11))
LEVELS: Final = tuple(n / 20 for n in range(1, 20))
"""Shares for which coverage is judged, 0.05 to 0.95."""


@dataclass(frozen=True)
class Trial:
    """How the fit on one half of the queries did on the other half, Q queries; shares are 0..1.

    ``covered`` float64[19] are the shares of truths within the radii for each of ``LEVELS``;
    ``radii_m`` float64[Q, 2] those for 50 % and 90 %; ``answered`` bool[Q]: above the threshold.
    ``refined`` is what ``judged_refining`` says of a refiner, where one was asked.
    """

    seed: int
    covered: Doubles
    radii_m: Doubles
    confidence: Doubles
    answered: Bools
    judged: Outcomes
    refined: Mapping[str, float] | None = None

    def covered_at(self, level: float) -> float:
        """Return the share of truths within the radii for one of ``LEVELS``."""
        return float(self.covered[LEVELS.index(level)])

    def precision_curve(self, *, is_strict: bool = False) -> Doubles:
        """Return float64[10]: the share of right best tiles in the surest 10 %, 20 % ... 100 %.

        Right is a tile within whose reach the truth lies, or with ``is_strict`` only the nearest.
        Equal confidences are parted by the belief within reach, of which they are a step function.
        """
        hits = self.judged.is_nearest if is_strict else self.judged.is_top_hit
        order = np.lexsort((-self.judged.reach_mass, -self.confidence))
        right = np.cumsum(hits[order])
        counts = np.array([max(1, round(share * len(order))) for share in DECILES])
        curve: Doubles = right[counts - 1] / counts
        return curve


def calibrate(
    gallery: StoredGallery,
    queries: Floats,
    latlon: Doubles,
    *,
    about: str,
    precision: float = PRECISION,
    seeds: Sequence[int] = tuple(range(NUM_SEEDS)),
    advance: Callable[[int], None] = lambda _: None,
    reranked: Reranked | None = None,
    tried: Callable[[KnownQueries], Attempts] | None = None,
) -> tuple[Calibration, list[Trial]]:
    """Return a calibration fitted on query embeddings float32[Q, D] taken at latlon [Q, 2].

    With it come trials, one a seed: half of the queries were fitted, the other half judged.
    ``advance`` is called with 1 after each fit, ``len(seeds) + 1`` times. ``about`` names the
    queries. ``reranked`` are a re-ranker's name (``Reranking.about``), and what puts the field of a
    query, given by its number, into its order: the calibration is then one for that re-ranker.
    ``tried`` lets a refiner work on all of them, and the calibration is one for that refiner too.
    DataError for fewer than 40 of them and where more than half lie off the gallery's
    tiles, UsageError for a precision beyond 0..1.
    """
    layout = Layout(*gallery.centres)
    _check(layout.covers(latlon), about, precision)
    about_reranker, rerank = (None, None) if reranked is None else reranked
    known = known_queries(queries, latlon, gallery.rows, layout, rerank)
    blank = Calibration(
        precision=precision,
        weights_sha256=gallery.encoder.weights_sha256,
        gallery_sha256=hash_of(gallery.manifest),
        queries=about,
        reranker=about_reranker,
    )
    fitted, outcomes = fit(known, blank)
    attempts = None if tried is None else tried(known)
    if attempts is not None:
        fitted = replace(fitted, refining=learnt(attempts, outcomes.error_mass))
    trials = []
    for seed in seeds:
        trials.append(_trial(known, seed, blank, attempts))
        advance(1)
    calibration = replace(fitted, held_out=summary(trials))
    advance(1)
    return calibration, trials


def fit(known: KnownQueries, blank: Calibration) -> tuple[Calibration, Outcomes]:
    """Return what queries teach, bound to the gallery that ``blank`` names, and how they fare."""
    tuning = fit_tuning(known)
    judged = outcomes_of(known, tuning)
    mass, confidence = confidence_knots(judged.reach_mass, judged.is_hit)
    sure = np.interp(judged.reach_mass, mass, confidence)
    calibration = replace(
        blank,
        tuning=tuning,
        mass_50=conformal_mass(judged.error_mass, 0.5),
        mass_90=conformal_mass(judged.error_mass, 0.9),
        mass_knots=tuple(mass.tolist()),
        confidence_knots=tuple(confidence.tolist()),
        threshold=threshold_for(sure, judged.is_top_hit, blank.precision),
        num_queries=len(known),
    )
    return calibration, judged


def summary(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return the trials' means, least and greatest, as JSON values: shares 0..1, metres."""
    if not trials:
        return {}
    curves = np.array([trial.precision_curve() for trial in trials])
    errors = np.array(
        [(np.median(t.judged.error_m), np.median(t.judged.top_error_m)) for t in trials]
    )
    radii = np.array([np.median(trial.radii_m, axis=0) for trial in trials])
    answered = np.array([t.answered.mean() for t in trials])
    right = [t.judged.is_top_hit[t.answered].mean() for t in trials if t.answered.any()]
    refined = [trial.refined for trial in trials if trial.refined is not None]
    return {
        **({"refined": means(refined)} if refined else {}),
        "seeds": [trial.seed for trial in trials],
        "num_queries": len(trials[0].confidence),
        "covered_50": _range(np.array([trial.covered_at(0.5) for trial in trials])),
        "covered_90": _range(np.array([trial.covered_at(0.9) for trial in trials])),
        "median_radius_50_m": float(radii[:, 0].mean()),
        "median_radius_90_m": float(radii[:, 1].mean()),
        "median_error_m": float(errors[:, 0].mean()),
        "median_error_best_tile_m": float(errors[:, 1].mean()),
        "precision_all": float(curves[:, -1].mean()),
        "precision_answered": float(np.mean(right)) if right else None,
        "share_answered": float(answered.mean()),
        "precision_by_share_answered": dict(
            zip((f"{share:.1f}" for share in DECILES), curves.mean(axis=0).tolist(), strict=True)
        ),
    }


def _trial(known: KnownQueries, seed: int, blank: Calibration, attempts: Attempts | None) -> Trial:
    order = np.random.default_rng(seed).permutation(len(known))
    half = len(known) // 2
    calibration, fitted = fit(known.take(order[:half]), blank)
    judged = outcomes_of(known.take(order[half:]), calibration.tuning)
    refined = None
    if attempts is not None:
        refining = learnt(attempts.take(order[:half]), fitted.error_mass)
        with_it = replace(calibration, refining=refining)
        refined = judged_refining(attempts.take(order[half:]), judged, with_it)
    radii_m = np.array([calibration.radii_m(spread) for spread in judged.spreads])
    confidence = np.array([calibration.confidence(mass) for mass in judged.reach_mass])
    masses = np.array([conformal_mass(fitted.error_mass, level) for level in LEVELS])
    return Trial(
        seed=seed,
        covered=(judged.error_mass[:, None] <= masses).mean(axis=0),
        radii_m=radii_m,
        confidence=confidence,
        answered=confidence >= calibration.threshold,
        judged=replace(judged, spreads=()),
        refined=refined,
    )


def _check(is_covered: Bools, about: str, precision: float) -> None:
    """Raise what ``calibrate`` says; ``is_covered`` bool[Q]: the photo was taken on a tile."""
    num_queries = len(is_covered)
    if num_queries < LEAST_QUERIES:
        raise DataError(
            f"{num_queries} queries are too few to calibrate with, wanted {LEAST_QUERIES} or more",
            where=about,
            hint="Some hundreds make the 90 % radius good to about two points.",
        )
    if not 0 < precision < 1:
        raise UsageError(
            f"the precision is {precision:g}",
            where="--precision",
            hint="Give a share, such as 0.95.",
        )
    # Of photos of some other place nothing can be learnt here.
    num_off = int((~is_covered).sum())
    if 2 * num_off > len(is_covered):
        raise DataError(
            f"{num_off} of {len(is_covered)} queries were taken where the gallery has no tile",
            where=about,
            hint="Are latitude and longitude right? `georet gallery info` prints the bounds.",
        )


def _range(values: Doubles) -> dict[str, float]:
    return {
        "mean": float(values.mean()),
        "least": float(values.min()),
        "greatest": float(values.max()),
    }
