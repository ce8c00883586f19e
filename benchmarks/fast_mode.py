"""What ``data.fast`` costs in recall: the same runs with and without it, seed by seed.

    python benchmarks/fast_mode.py --out runs/fast --json benchmarks/results/fast_mode.json

OrbitView in the layout of CVUSA, each image enlarged to 384 px, with the noise of a sensor, as a
JPEG: the encoder sees 96 px, so that all must be shrunk, and scaled decoding takes a quarter. The
encoder is that of the README, augmentations are the published ones, JPEG artefacts among them: in
fast mode they come after the resize. Runs that are there are kept. Recall@1 in percent on `val`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from feeding_parts import machine
from georet.files import write_json
from georet.progress import echo

SIDE, NOISE = 384, 8.0
BACKBONE: Final = (
    "{name: 'sample4geo:timm', model: tf_efficientnet_lite0, weights: lite0, stage: 3, "
    "freeze_stages: 4, head: conv, head_width: 256, pool: gem, embed_dim: 256}"
)
SET: Final = (
    "precision=fp32",
    "data.size={query: [96, 96], reference: [96, 96]}",
    "data.joint=[flip]",
    "data.resize=bilinear-antialias",
    "data.workers=0",
    f"encoder.backbone={BACKBONE}",
    "sampler={name: 'sample4geo:sample4geo', select: 8, pool: 32, incremental: true}",
    "train.batch_size=16",
    "train.warmup_epochs=0.3",
    "train.threads=1",
    "train.channels_last=true",
    "evaluate.batch_size=32",
)


def main() -> None:
    """Make the images, train all runs, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    root = enlarged(args.out / "cvusa")
    rows = []
    for seed in range(args.seeds):
        for fast in (False, True):
            rows.append(trained(args.out, root, seed, args.epochs, fast=fast))
            echo(json.dumps(rows[-1]))
    if args.json:
        about = {"machine": machine("cpu"), "epochs": args.epochs, "side": SIDE}
        write_json(args.json, {**about, "rows": rows})


def enlarged(root: Path) -> Path:
    """Write OrbitView as CVUSA's layout, its images enlarged; return the folder."""
    mark = root / "enlarged"
    if mark.exists():
        return root
    command = [sys.executable, "-m", "georet", "data", "export", "--layout", "cvusa", str(root)]
    subprocess.run([*command, "--set", "train_renders=1"], check=True)
    for number, path in enumerate(sorted(root.rglob("*.jpg"))):
        image = cv2.imread(str(path))
        assert image is not None
        large = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        large += NOISE * np.random.default_rng(number).standard_normal(large.shape, np.float32)
        pixels = np.clip(large, 0, 255).astype(np.uint8)
        cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
    mark.touch()
    return root


def trained(out: Path, root: Path, seed: int, epochs: int, *, fast: bool) -> dict[str, Any]:
    """Train one run unless it is there, and return what it found and took."""
    run = out / f"{'fast' if fast else 'exact'}-{seed}"
    result = run / "evaluation" / "val.json"
    told = out / f"{run.name}.json"
    if not (told.exists() and result.exists()):
        said = (f"dataset.root={root}", f"seed={seed}", f"train.epochs={epochs}", *SET)
        more = (f"evaluate.every={epochs}", f"data.fast={str(fast).lower()}")
        words = [word for each in (*said, *more) for word in ("--set", each)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "georet", "train", "--recipe", "sample4geo/cvusa", *words]
        subprocess.run([*command, "--out", str(run)], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        write_json(told, {"cpu_s": cpu_s})
    metrics = json.loads(result.read_text(encoding="utf-8"))["metrics"]
    took = json.loads(told.read_text(encoding="utf-8"))
    return {"fast": fast, "seed": seed, "r_at_1": metrics["recall@1"], **took}


if __name__ == "__main__":
    main()
