"""georet's training step on a GPU against a bare loop of torch and timm, model by model.

    python benchmarks/step_gpu.py --out step_gpu.json
    python benchmarks/step_gpu.py --device cpu --quick --out step_cpu.json

Both sides do the same work: uint8 batches to float, timm's network for both views, symmetric
InfoNCE, AdamW, values of gradients clipped. The bare loop checks nothing and reads nothing; georet
judges each step, notes its numbers and reads them a step later. Variants are measured in turn, in
rounds, so that a clock that changes meets all of them. A last part feeds the step with JPEGs
(made by the script) through georet's loader. Random weights: speed does not depend on them.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import statistics
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from georet.data.loader import PairLoader
from georet.train.stepping.feeding import on_device
from georet.types import Batch, BatchPlan
from step_sides import Bare, Georet, Side, batch_of, table_of
from step_timing import PROFILED, Machine, about, idle_share, timed, waits

ROUNDS = 3


@dataclass(frozen=True)
class Case:
    """A model, the pairs of its batch, the side of its images in pixels."""

    model: str
    pairs: int
    size: int
    chunk: int | None


@dataclass(frozen=True)
class Variant:
    """One way of doing a case."""

    side: str
    channels_last: bool = False
    compile: bool = False
    chunk: int | None = None

    def __str__(self) -> str:
        named = [self.side, "channels_last" * self.channels_last, "compile" * self.compile]
        return " ".join([*filter(None, named), *([f"chunk {self.chunk}"] if self.chunk else [])])


CASES = (Case("convnext_base", 64, 384, 16), Case("tf_efficientnet_lite0", 128, 224, None))
QUICK = (Case("convnext_atto", 4, 64, 2), Case("tf_efficientnet_lite0", 4, 64, None))


def variants_of(case: Case, *, compiled: bool) -> Iterator[Variant]:
    """Yield the variants that need compiling, or the others."""
    if compiled:
        yield from (Variant(side, True, True) for side in ("torch", "georet"))
        return
    for last in (False, True):
        yield from (Variant(side, last) for side in ("torch", "georet"))
    if case.chunk:
        yield Variant("georet", True, chunk=case.chunk)


@dataclass
class Entry:
    """One variant while it is measured."""

    variant: Variant
    side: Side
    found: dict[str, Any]
    images_per_s: list[float]


def started(machine: Machine, case: Case, variant: Variant, batch: Batch) -> Entry:
    """Build one variant, do its first steps, and note their time, their memory and their waits."""
    before, begun = machine.allocated(), time.monotonic()
    kind: Callable[..., Side] = Georet if variant.side == "georet" else Bare
    side = kind(
        case.model, machine.device, **{k: v for k, v in asdict(variant).items() if k != "side"}
    )
    for _ in range(3):
        side.step(batch)
    side.finish()
    machine.wait()
    found: dict[str, Any] = asdict(variant) | {"first_s": round(time.monotonic() - begun, 1)}
    if machine.device.type == "cuda":
        own = machine.allocated() - before
        torch.cuda.reset_peak_memory_stats()
        rest = machine.allocated()
        found |= {"waits_per_step": waits(side, batch)}
        peak = torch.cuda.max_memory_allocated() - rest
        found |= {"peak_gib": round((own + peak) / 2**30, 2), "own_gib": round(own / 2**30, 2)}
    return Entry(variant, side, found, [])


def measured(machine: Machine, case: Case, variants: list[Variant], num: int) -> list[Any]:
    """Measure the variants in turn, in rounds; what there is no time for says so."""
    batch, entries, rows = batch_of(case.pairs, case.size, machine.device), [], []
    for variant in variants:
        if machine.left_s < (45 if variant.compile else 10):
            rows.append(asdict(variant) | {"skipped": "no time left"})
            continue
        try:
            entries.append(started(machine, case, variant, batch))
        except torch.OutOfMemoryError as error:
            rows.append(asdict(variant) | {"failed": str(error).splitlines()[0]})
            continue
        print(f"{case.model}: {variant}, first steps {entries[-1].found['first_s']} s", flush=True)
    for _ in range(ROUNDS):
        for entry in entries:
            seconds = timed(machine, entry.side, itertools.repeat(batch), num)
            entry.images_per_s.append(2 * case.pairs / seconds)
    for entry in entries:
        share = idle_share(machine, entry.side, itertools.repeat(batch))
        middle = statistics.median(entry.images_per_s)
        print(f"{case.model}: {entry.variant}: {middle:.0f} images/s, idle {share}", flush=True)
        rounds = [round(value, 1) for value in entry.images_per_s]
        rows.append(
            entry.found
            | {"images_per_s": round(middle, 1), "rounds": rounds, "gpu_idle_share": share}
        )
    return rows


def write_jpegs(folder: Path, num: int) -> None:
    """Write ``num`` JPEGs a view: panoramas 1232 x 224 and tiles 750 x 750, as CVUSA has them."""
    draw = np.random.default_rng(0)
    for view, (width, height) in {"query": (1232, 224), "reference": (750, 750)}.items():
        for row in range(num):
            coarse = draw.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
            image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(folder / f"{view}-{row}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 90])


def fed(machine: Machine, case: Case, counts: list[int], num: int) -> dict[str, Any]:
    """Measure georet's step fed by its loader, and the loader alone, by its number of workers."""
    rows: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        num_files = 4 * case.pairs
        write_jpegs(Path(folder), num_files)
        table = table_of(Path(folder), num_files)
        side = Georet(case.model, machine.device, channels_last=True)
        side.step(batch_of(case.pairs, case.size, machine.device))
        size = dict.fromkeys(table.views, (case.size, case.size))
        for workers in counts:
            if machine.left_s < 15:
                rows.append({"workers": workers, "skipped": "no time left"})
                continue
            steps = num if workers else 2
            draw = np.random.default_rng(1)
            order = [
                draw.permutation(num_files)[: case.pairs] for _ in range(3 * steps + PROFILED + 6)
            ]
            plan = BatchPlan(np.stack(order), 0, 0, "random")
            pinned = machine.device.type == "cuda"
            with PairLoader(table, size=size, seed=0, workers=workers, pin_memory=pinned) as loader:
                batches = loader.epoch(plan)
                next(batches), next(batches)
                begun = time.perf_counter()
                for _ in range(steps):
                    next(batches)
                alone = (time.perf_counter() - begun) / steps
                travelling = on_device(batches, machine.device)
                # The first step waits for two batches, its own and the one ahead.
                timed(machine, side, travelling, 1)
                seconds = timed(machine, side, travelling, steps)
                share = idle_share(machine, side, travelling)
            rows.append(
                {
                    "workers": workers,
                    "loader_alone_images_per_s": round(2 * case.pairs / alone, 1),
                    "images_per_s": round(2 * case.pairs / seconds, 1),
                    "gpu_idle_share": share,
                }
            )
            print(f"{case.model} fed: {rows[-1]}", flush=True)
    return asdict(case) | {"jpegs": "1232x224 and 750x750, no augmentation", "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small models, few steps")
    parser.add_argument("--seconds", type=float, default=190.0, help="what starts later is skipped")
    parser.add_argument("--out", type=Path, default=Path("step_gpu.json"))
    arguments = parser.parse_args()
    machine = Machine(arguments.device, arguments.seconds)
    torch.backends.cudnn.benchmark = False
    cases, num = (QUICK, 2) if arguments.quick else (CASES, 8)
    found: dict[str, Any] = about(machine) | {"precision": "bf16", "quick": arguments.quick}
    found["steps"] = {case.model: asdict(case) | {"rows": []} for case in cases}

    def attempt(part: Callable[[], None]) -> None:
        """Keep what a part found; what it died of stands beside the rest, and the rest goes on."""
        try:
            part()
        except Exception as error:
            found.setdefault("failed", []).append(f"{type(error).__name__}: {error}")
            traceback.print_exc()
        gc.collect()
        if machine.device.type == "cuda":
            torch.cuda.empty_cache()
        found["seconds"] = round(time.monotonic() - machine.started, 1)
        arguments.out.write_text(json.dumps(found, indent=2) + "\n")

    def measure(case: Case, *, compiled: bool) -> None:
        variants = list(variants_of(case, compiled=compiled))
        found["steps"][case.model]["rows"] += measured(machine, case, variants, num)

    def feed() -> None:
        counts = [0, 1] if arguments.quick else [0, 4, 8, 14]
        found["fed"] = fed(machine, cases[0], counts, num)

    for case in cases:
        attempt(partial(measure, case, compiled=False))
    attempt(feed)
    for case in cases:
        attempt(partial(measure, case, compiled=True))


if __name__ == "__main__":
    main()
