"""What smoothing brings when photos are shrunk: the README's runs read under both resize rules.

    python benchmarks/resize_rules.py --out runs/resize --seeds 3
    python benchmarks/resize_rules.py --out runs/resize --seeds 1 --photos 50 --set train.epochs=1

Trains OrbitView with the Americas held out, N seeds. Its photos and tiles have the encoder's size
(checked here), so no rule resizes anything while training, and one run serves both. Then renders
photos of the held-out places from the same cameras at the size that training has seen (96 px), at
1,400 px, and sharp at 1,400 px, so that the latter two must be shrunk, and searches all in the
evaluation's gallery, read under each rule. The world map has 7.4 km a pixel, so a large photo of it
holds nothing finer than 96 pixels show but the sensor's noise: what a sharp photo would hold is
drawn, octaves of noise of ``--detail`` grey levels (root mean square) which vanish in the mean over
each 96th of the side. Prints a Markdown table (mean, least and greatest over seeds, and the
difference of recall@1 to the first rule, paired by seed) and writes all to ``table.json``. Runs and
photos that are there are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image

from georet.config import FIRST_RULE
from georet.contracts.running import Session
from georet.data.images import read_image
from georet.data.resizing import FAST, RULES
from georet.geodesy import distance_m
from georet.progress import progress
from georet.run_layout import CONFIG
from georet.sessions import SessionSpec
from georet.train.run import reconfigure
from georet.train.setup import make_dataset
from georet.types import REFERENCE, EvaluationSet, Floats, Ints, Pixels
from georet_orbitview.camera import draw_views
from georet_orbitview.render import render_photo
from georet_orbitview.sources import texture
from georet_orbitview.world import PHOTO_SOURCE

SEEN, LARGE = 96, 1400
SET: Final = "cross"
BATCH: Final = 64
_NEAR_M: Final = 500_000.0


@dataclass(frozen=True)
class Found:
    """How well one run finds photos of one size: shares in percent, distance in kilometres."""

    rule: str
    seed: int
    photos: str
    recall_1: float
    recall_5: float
    median_km: float
    near: float


def train(seed: int, out: Path, extra: Sequence[str]) -> Path:
    """Train one run unless it is there, and return its folder."""
    run_dir = out / f"s{seed}"
    if (run_dir / "evaluation" / f"{SET}.json").is_file():
        return run_dir
    georet = [sys.executable, "-m", "georet", "train"]
    if (run_dir / CONFIG).is_file():
        command = [*georet, "--resume", str(run_dir)]
    else:
        overrides = (f"seed={seed}", f"evaluate.final=[{SET}]", *extra)
        sets = [part for text in overrides for part in ("--set", text)]
        command = [*georet, "--plugins", "sample4geo", *sets, "--out", str(run_dir)]
    with (out / f"{run_dir.name}.log").open("a") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log, env=dict(os.environ))
    return run_dir


def with_detail(photo: Pixels, rms: float, rng: np.random.Generator) -> Pixels:
    """Return the photo with detail finer than 1/96 of its side, even in power over its octaves."""
    side, detail = len(photo), np.zeros(photo.shape[:2], np.float32)
    cells = 2 * SEEN
    while cells <= side:
        noise = rng.standard_normal((cells, cells), dtype=np.float32)
        octave = cv2.resize(noise, (side, side), interpolation=cv2.INTER_LINEAR)
        detail += octave / octave.std()
        cells *= 2
    mean = cv2.resize(detail, (SEEN, SEEN), interpolation=cv2.INTER_AREA)
    detail = detail - cv2.resize(mean, (side, side), interpolation=cv2.INTER_NEAREST)
    sharp = photo + (rms * detail / detail.std())[..., None]
    return np.asarray(np.clip(sharp + 0.5, 0, 255), dtype=np.uint8)


def photos_of(
    data: EvaluationSet, side: int, detail: float, num: int, out: Path
) -> tuple[list[Path], Ints]:
    """Return ``num`` photos of the gallery's places, spread over them, and their places' rows."""
    latlon = data.gallery.latlon
    assert latlon is not None
    own = np.unique(np.concatenate([rows[:1] for rows in data.positives]))
    rows = own[np.unique(np.linspace(0, len(own) - 1, num).round().astype(int))]
    views = draw_views(latlon[rows], "normal", np.random.default_rng([7, 1]))
    folder = out / f"photos-{side}px-{detail:g}-{num}"
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{row:05d}.png" for row in rows.tolist()]
    missing = [at for at, path in enumerate(paths) if not path.exists()]
    world = texture(PHOTO_SOURCE) if missing else np.empty((0, 0, 3), np.uint8)
    for at in progress(missing, f"photos of {side} px"):
        photo = render_photo(world, views, at, side, np.random.default_rng([7, 2, at]))
        if detail:
            photo = with_detail(photo, detail, np.random.default_rng([7, 3, at]))
        part = paths[at].with_suffix(".part.png")
        cv2.imwrite(str(part), photo[..., ::-1])
        part.rename(paths[at])
    return paths, rows


def check_unresized(run_dir: Path) -> None:
    """Raise SystemExit unless all images of a run's training set have the encoder's size."""
    config, plugins = reconfigure(run_dir / CONFIG)
    for view, images in make_dataset(config, plugins).train().views.items():
        for path in images.paths:
            with Image.open(path) as image:
                if image.size[::-1] != config.data.size[view]:
                    raise SystemExit(f"{path} is {image.size}, so training depends on the rule")


def embed(paths: Sequence[Path], session: Session, rule: str) -> Floats:
    """Return embeddings float32[N, D] of images, read under a rule."""
    size = session.identity.size
    starts = range(0, len(paths), BATCH)
    batches = (paths[start : start + BATCH] for start in starts)
    read = (np.stack([read_image(p, size=size, rule=rule) for p in batch]) for batch in batches)
    return np.concatenate([session.embed(images) for images in read])


def judge(run_dir: Path, seed: int, num: int, detail: float, out: Path) -> list[Found]:
    """Return how a run finds the photos of each kind among all tiles of its gallery."""
    config, plugins = reconfigure(run_dir / CONFIG)
    data = make_dataset(config, plugins).evaluations()[SET]
    latlon = data.gallery.latlon
    assert latlon is not None
    tiles_by, photos_by = SessionSpec(run_dir, view=REFERENCE).open(), SessionSpec(run_dir).open()
    found = []
    for rule in (rule for rule in RULES if not rule.endswith(FAST)):
        tiles = embed(data.gallery.paths, tiles_by, rule)
        for side, added in ((SEEN, 0.0), (LARGE, 0.0), (LARGE, detail)):
            paths, rows = photos_of(data, side, added, num, out)
            scores = embed(paths, photos_by, rule) @ tiles.T
            order = np.argsort(-scores, axis=1, kind="stable")[:, :5]
            hits = order == rows[:, None]
            away_m = distance_m(latlon[order[:, 0]], latlon[rows])
            median_km = float(np.median(away_m)) / 1000
            one, five, near = (
                100 * float(hit.mean()) for hit in (hits[:, 0], hits.any(axis=1), away_m < _NEAR_M)
            )
            name = f"{side} px" + (", sharp" if added else "")
            found.append(Found(rule, seed, name, one, five, median_km, near))
    return found


def table(found: Sequence[Found]) -> str:
    """Return the Markdown table: a line for each rule and kind of photo."""
    lines = [
        "| photos | rule | R@1 | least..greatest | paired | R@5 | within 500 km | median error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for photos, rule in dict.fromkeys((one.photos, one.rule) for one in found):
        some, base = (
            [one for one in found if (one.rule, one.photos) == (which, photos)]
            for which in (rule, FIRST_RULE)
        )
        first = [one.recall_1 for one in some]
        gaps = (a.recall_1 - b.recall_1 for a, b in zip(some, base, strict=True))
        paired = " / ".join(f"{gap:+.1f}" for gap in gaps) if rule != FIRST_RULE else ""
        lines.append(
            f"| {photos} | {rule} | {statistics.mean(first):.1f} "
            f"| {min(first):.1f}..{max(first):.1f} | {paired} "
            f"| {statistics.mean(one.recall_5 for one in some):.1f} "
            f"| {statistics.mean(one.near for one in some):.1f} "
            f"| {statistics.mean(one.median_km for one in some):.0f} km |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and photos")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0..N-1")
    parser.add_argument("--photos", type=int, default=400, help="photos of each kind")
    parser.add_argument("--detail", type=float, default=25, help="of sharp photos, in grey levels")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    found: list[Found] = []
    for seed in range(asked.seeds):
        run_dir = train(seed, asked.out, asked.set)
        check_unresized(run_dir)
        found += judge(run_dir, seed, asked.photos, asked.detail, asked.out)
    (asked.out / "table.json").write_text(json.dumps([vars(one) for one in found], indent=2))
    print(table(found))


if __name__ == "__main__":
    main()
