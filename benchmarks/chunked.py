"""Chunked training (cached gradients) against the whole batch: memory, time, gradient.

    python benchmarks/chunked.py --json benchmarks/results/chunked.json

Each way runs in processes of its own, one, and two that share the batch as ranks, so that the peak
of their memory is their own; a process that only builds the network is the zero. Of two ranks the
memory is that of the one that takes more, the time is the CPU time of both. The network is a
ConvNeXt with random weights whose layer scale is set to 0.4, since timm's 1e-6 would hide the
blocks.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from georet.config import TrainConfig
from georet.encoder import SHARED, Branch, Encoder
from georet.ranks.joined import Joined
from georet.ranks.world import ALONE, Ranks
from georet.train.objective import Objective
from georet.train.optim import build_optimizer
from georet.train.step import Stepper
from georet.types import Batch, ImageTable, PairTable
from georet_sample4geo.backbones import TimmBackbone
from georet_sample4geo.info_nce import InfoNCE


def batch_of(num: int, size: int) -> Batch:
    """Return a batch of random images uint8[num, size, size, 3]."""
    rows, draw = np.arange(num), torch.Generator().manual_seed(0)
    images = ImageTable([str(i) for i in rows], [Path(str(i)) for i in rows])
    views = {"query": images, "reference": images}
    pixels = {
        view: torch.randint(0, 256, (num, size, size, 3), generator=draw, dtype=torch.uint8)
        for view in views
    }
    table = PairTable(views, np.stack([rows, rows], axis=1))
    return Batch(pixels, rows, dict.fromkeys(views, rows), table, 0, 0)


def share_of(batch: Batch, ranks: Ranks) -> Batch:
    """Return what a loader would have loaded of it on this rank."""
    if ranks.is_alone:
        return batch
    mine = ranks.slots(len(batch.pairs))
    return replace(
        batch,
        images={view: pixels[mine].clone() for view, pixels in batch.images.items()},
        pairs=batch.pairs[mine],
        rows={view: rows[mine] for view, rows in batch.rows.items()},
        shown={},
        whole=replace(batch, images={}),
    )


def stepper_of(model: str, chunk: int | None, ranks: Ranks) -> Stepper:
    """Return a stepper that leaves the gradients where they are."""
    torch.manual_seed(0)
    backbone = TimmBackbone(model=model, weights="none")
    for name, parameter in backbone.named_parameters():
        if name.endswith("gamma"):
            nn.init.constant_(parameter, 0.4)
    encoder = Encoder({SHARED: Branch(backbone)}, logit_scale=2.659)
    objective = Objective({"info_nce": (InfoNCE(), 1.0)})
    config = TrainConfig(chunk=chunk, clip="none")
    modules = nn.ModuleDict({"encoder": encoder, "objective": objective})
    optimizer = build_optimizer(modules, config)
    encoder.train()
    return Stepper(
        encoder, objective, optimizer, config, precision=torch.float32, seed=0, ranks=ranks
    )


@dataclass(frozen=True)
class Way:
    """How a batch is passed: in chunks of so many pairs or whole, by so many ranks."""

    chunk: int | None = None
    size: int = 1
    idle: bool = False


def measure(queue: Any, arguments: argparse.Namespace, way: Way, rank: int, store: str) -> None:
    """Run one backward pass; send peak bytes, CPU seconds and the gradient."""
    torch.set_num_threads(arguments.threads)
    ranks: Ranks = ALONE
    if way.size > 1:
        found = dist.FileStore(store, way.size)  # type: ignore[attr-defined]
        joined = Joined(rank, way.size, store=found, patience_s=300)
        joined.connect()
        ranks = joined
    stepper = stepper_of(arguments.model, way.chunk, ranks)
    batch = share_of(batch_of(arguments.batch_size, arguments.size), ranks)
    ranks.any(flag=False)
    started = time.process_time()
    if not way.idle:
        stepper.run(batch, 0.0, update=False)
        # As an update does, which would also clear them.
        ranks.add_gradients(stepper.parameters.values())
    seconds = time.process_time() - started
    gradients = [p.grad for p in stepper.parameters.values() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients]).numpy() if gradients else np.zeros(0)
    queue.put((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, seconds, flat))
    if dist.is_initialized():
        ranks.any(flag=False)
        dist.destroy_process_group()


def in_processes(arguments: argparse.Namespace, way: Way) -> tuple[int, float, Any]:
    """Return the most bytes of a rank, the CPU seconds of all and the gradient, in fresh ones."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        given = (queue, arguments, way)
        started = [
            context.Process(target=measure, args=(*given, rank, f"{folder}/store"))
            for rank in range(way.size)
        ]
        for process in started:
            process.start()
        found = [queue.get() for _ in started]
        for process in started:
            process.join()
    return max(one[0] for one in found), sum(one[1] for one in found), found[0][2]


def compared(arguments: argparse.Namespace, size: int, expected: Any) -> dict[str, Any]:
    """Return whole and chunked passes by so many ranks, side by side; None: nothing expected."""
    zero, _, _ = in_processes(arguments, Way(size=size, idle=True))
    whole, whole_s, gradient = in_processes(arguments, Way(size=size))
    expected = gradient if expected is None else expected
    rounds = [in_processes(arguments, Way(arguments.chunk, size)) for _ in range(arguments.rounds)]
    again = [in_processes(arguments, Way(size=size)) for _ in range(arguments.rounds - 1)]
    chunked, gradient_chunked = max(one[0] for one in rounds), rounds[0][2]
    whole_s = min([whole_s, *(one[1] for one in again)])
    chunked_s = min(one[1] for one in rounds)

    def far(found: Any) -> float:
        return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))

    return {
        "ranks": size,
        "whole_mb": round((whole - zero) / 1e6),
        "chunked_mb": round((chunked - zero) / 1e6),
        "memory_ratio": round((whole - zero) / (chunked - zero), 1),
        "whole_cpu_s": round(whole_s, 2),
        "chunked_cpu_s": round(chunked_s, 2),
        "time_ratio": round(chunked_s / whole_s, 2),
        "gradient_difference": far(gradient),
        "chunked_gradient_difference": far(gradient_chunked),
        "gradient": expected,
    }


def main() -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="convnext_atto")
    parser.add_argument("--size", type=int, default=128, help="pixels")
    parser.add_argument("--batch-size", type=int, default=128, help="pairs")
    parser.add_argument("--chunk", type=int, default=4, help="pairs")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="of a rank; more of them burn time where they wait for each other",
    )
    parser.add_argument("--rounds", type=int, default=2, help="of which the fastest counts")
    parser.add_argument("--json", type=Path, help="where the result is kept")
    arguments = parser.parse_args()
    rows, expected = [], None
    for size in (1, 2):
        row = compared(arguments, size, expected)
        expected = row.pop("gradient")
        rows.append(row)
    asked = {key: value for key, value in vars(arguments).items() if key != "json"}
    found = asked | {
        "torch": torch.__version__,
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "date": time.strftime("%Y-%m-%d"),
        "rows": rows,
    }
    text = json.dumps(found, indent=2)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
