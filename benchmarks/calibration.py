"""Does a calibration hold on queries that it has not seen, and does abstaining help?

Builds a gallery of an evaluation set of a run in a temporary folder, fits a calibration on one half
of the set's queries and judges the other half, for several random halves, and prints the tables of
docs/locate.md::

    python benchmarks/calibration.py runs/first --set cross --side 420km --seeds 10
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from georet.facade import Gallery
from georet.gallery.making.build import build_gallery
from georet.ground.lengths import length_m
from georet.locate.calibrating.calibrate import DECILES, Trial, calibrate
from georet.photos.known import embed_known, open_queries
from georet.sessions import SessionSpec
from georet.tiles.tiling import Tiling
from georet.types import QUERY, REFERENCE


def main() -> None:
    """Print the tables of a run's evaluation set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run whose data set has positions")
    parser.add_argument("--set", default="cross", help="evaluation set (default: cross)")
    parser.add_argument("--side", default="420km", help="ground side of its tiles (420km)")
    parser.add_argument("--seeds", type=int, default=10, help="number of random halves (10)")
    parser.add_argument("--gallery", type=Path, help="a gallery of that set, if there is one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gallery = opened(options, Path(folder))
        photos = open_queries(f"run:{options.run}:{options.set}")
        session = SessionSpec(options.run, view=QUERY).open()
        queries, latlon = embed_known(photos, session)
        _, trials = calibrate(
            gallery, queries, latlon, about=photos.about, seeds=range(options.seeds)
        )
    print(f"{photos.about}: {len(queries)} queries, {len(gallery)} tiles")
    print_coverage(trials)
    print_abstaining(trials)


def opened(options: argparse.Namespace, folder: Path) -> Gallery:
    """Return the gallery that was named, or build it."""
    if options.gallery is not None:
        return Gallery.open(options.gallery)
    path = folder / "gallery"
    build_gallery(
        f"run:{options.run}:{options.set}",
        SessionSpec(options.run, view=REFERENCE),
        path,
        tiling=Tiling(side_m=(length_m(options.side, where="--side"),)),
        thumbnails=False,
    )
    return Gallery.open(path)


def print_coverage(trials: Sequence[Trial]) -> None:
    """Print for each half: coverage, median radii, median errors."""
    print("\n| seed | in 50 % radius | in 90 % radius | median 50 % | median 90 % | error | tile |")
    print("|---|---|---|---|---|---|---|")
    for trial in trials:
        radii_km = np.median(trial.radii_m, axis=0) / 1e3
        error_km = np.median(trial.judged.error_m) / 1e3
        tile_km = np.median(trial.judged.top_error_m) / 1e3
        print(
            f"| {trial.seed} | {trial.covered_at(0.5):.1%} | {trial.covered_at(0.9):.1%} "
            f"| {radii_km[0]:.1f} km | {radii_km[1]:.1f} km "
            f"| {error_km:.1f} km | {tile_km:.1f} km |"
        )
    held = np.array([trial.covered_at(0.9) for trial in trials])
    print(f"\n90 % radius: mean {held.mean():.1%}, from {held.min():.1%} to {held.max():.1%}")


def print_abstaining(trials: Sequence[Trial]) -> None:
    """Print the precision of the best tile by the share answered, and if it is monotone."""
    print("\n| answered | best tile in reach | best tile nearest |\n|---|---|---|")
    curves = {
        strict: np.array([trial.precision_curve(is_strict=strict) for trial in trials])
        for strict in (False, True)
    }
    for at, share in reversed(list(enumerate(DECILES))):
        reach, nearest = (curves[strict][:, at].mean() for strict in (False, True))
        print(f"| {share:.0%} | {reach:.1%} | {nearest:.1%} |")
    for strict, name in ((False, "in reach"), (True, "nearest")):
        # From one tenth to the next, fewer answers must never be less often right.
        drops = np.diff(curves[strict].mean(axis=0)).max()
        single = np.diff(curves[strict], axis=1).max()
        print(
            f"\nbest tile {name}: mean curve {'is' if drops <= 0 else 'is NOT'} monotone "
            f"(largest loss by abstaining more: {max(drops, 0):.2%}; in a single half "
            f"{max(single, 0):.2%})"
        )


if __name__ == "__main__":
    main()
