"""Chunked training (cached gradients) against the whole batch: memory, time, gradient.

    python benchmarks/chunked.py

Each way runs in a process of its own, so that the peak of its memory is its own; the process that
only builds the network is the zero. The network is a ConvNeXt with random weights whose layer scale
is set to 0.4, since timm's 1e-6 would hide the blocks.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from georet.config import TrainConfig
from georet.encoder import SHARED, Branch, Encoder
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


def stepper_of(model: str, chunk: int | None) -> Stepper:
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
    return Stepper(encoder, objective, optimizer, config, precision=torch.float32, seed=0)


def measure(queue: Any, arguments: argparse.Namespace, chunk: int | None, *, idle: bool) -> None:
    """Run one backward pass; send peak bytes, CPU seconds and the gradient."""
    torch.set_num_threads(arguments.threads)
    stepper = stepper_of(arguments.model, chunk)
    batch = batch_of(arguments.batch_size, arguments.size)
    started = time.process_time()
    if not idle:
        stepper.run(batch, 0.0, update=False)
    seconds = time.process_time() - started
    gradients = [p.grad for p in stepper.parameters.values() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients]).numpy() if gradients else np.zeros(0)
    queue.put((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, seconds, flat))


def in_process(arguments: argparse.Namespace, chunk: int | None, *, idle: bool = False) -> Any:
    """Return what ``measure`` found, in a fresh process."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=measure, args=(queue, arguments, chunk), kwargs={"idle": idle})
    process.start()
    found = queue.get()
    process.join()
    return found


def main() -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="convnext_atto")
    parser.add_argument("--size", type=int, default=128, help="pixels")
    parser.add_argument("--batch-size", type=int, default=128, help="pairs")
    parser.add_argument("--chunk", type=int, default=4, help="pairs")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    zero, _, _ = in_process(arguments, None, idle=True)
    whole, whole_s, expected = in_process(arguments, None)
    chunked, chunked_s, gradient = in_process(arguments, arguments.chunk)
    found = vars(arguments) | {
        "whole_mb": round((whole - zero) / 1e6),
        "chunked_mb": round((chunked - zero) / 1e6),
        "memory_ratio": round((whole - zero) / (chunked - zero), 1),
        "time_ratio": round(chunked_s / whole_s, 2),
        "gradient_difference": float(
            np.linalg.norm(gradient - expected) / np.linalg.norm(expected)
        ),
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
