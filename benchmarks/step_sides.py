"""The two sides of ``step_gpu.py``: georet's stepper, and a bare loop of torch and timm."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Protocol

import numpy as np
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from georet.config import TrainConfig
from georet.encoder import SHARED, Branch, Encoder
from georet.train.objective import Objective
from georet.train.optim import build_optimizer
from georet.train.step import Stepper
from georet.train.stepping.result import StepResult
from georet.types import Batch, ImageTable, PairTable
from georet_sample4geo.backbones import TimmBackbone
from georet_sample4geo.info_nce import InfoNCE

RATE, SMOOTHING, LOG_SCALE = 1e-3, 0.1, 2.659


class Side(Protocol):
    """Something that trains on batches."""

    def step(self, batch: Batch) -> None:
        """Queue one step."""

    def finish(self) -> None:
        """Read what is still to be read."""


def table_of(folder: Path, num: int) -> PairTable:
    """Return ``num`` pairs whose images are ``folder/VIEW-ROW.jpg``."""
    rows = np.arange(num)
    views = {
        view: ImageTable([str(i) for i in rows], [folder / f"{view}-{i}.jpg" for i in rows])
        for view in ("query", "reference")
    }
    return PairTable(views, np.stack([rows, rows], axis=1))


def batch_of(num: int, size: int, device: torch.device) -> Batch:
    """Return ``num`` pairs of random images uint8[num, size, size, 3] on the device."""
    rows, draw = np.arange(num), torch.Generator().manual_seed(0)
    table = table_of(Path(), num)
    pixels = {
        view: torch.randint(0, 256, (num, size, size, 3), generator=draw, dtype=torch.uint8)
        for view in table.views
    }
    images = {view: tensor.to(device) for view, tensor in pixels.items()}
    return Batch(images, rows, dict.fromkeys(table.views, rows), table, 0, 0)


class Georet:
    """georet's stepper, read a step later as its trainer does."""

    def __init__(
        self,
        model: str,
        device: torch.device,
        *,
        channels_last: bool = False,
        compile: bool = False,  # noqa: A002
        chunk: int | None = None,
    ) -> None:
        torch.manual_seed(0)
        with device:  # weights are drawn there, which for large networks saves seconds
            branch = Branch(TimmBackbone(model=model, weights="none"), channels_last=channels_last)
        encoder = Encoder({SHARED: branch}, logit_scale=LOG_SCALE).to(device)
        if channels_last:
            encoder = encoder.to(memory_format=torch.channels_last)
        objective = Objective({"info_nce": (InfoNCE(label_smoothing=SMOOTHING), 1.0)}).to(device)
        config = TrainConfig(lr=RATE, chunk=chunk, compile=compile)
        modules = nn.ModuleDict({"encoder": encoder, "objective": objective})
        encoder.train()
        self.stepper = Stepper(
            encoder,
            objective,
            build_optimizer(modules, config),
            config,
            precision=torch.bfloat16,
            seed=0,
        )
        self._done: deque[StepResult] = deque()
        self._lag = 1 if self.stepper.judges_late else 0

    def step(self, batch: Batch) -> None:
        """Queue one step and read the one before."""
        self._done.append(self.stepper.run(batch, 1e-3, update=True))
        self._read(self._lag)

    def finish(self) -> None:
        """Read what is still to be read."""
        self._read(0)

    def _read(self, left: int) -> None:
        while len(self._done) > left:
            result = self._done.popleft()
            if result.fault is not None:
                raise ValueError(f"a step was not good: {result.fault}")


class Bare:
    """The shortest loop that does the same work; nothing is checked, nothing is read."""

    def __init__(
        self,
        model: str,
        device: torch.device,
        *,
        channels_last: bool = False,
        compile: bool = False,  # noqa: A002
        chunk: int | None = None,
    ) -> None:
        if chunk is not None:
            raise ValueError("the bare loop has no chunks")
        torch.manual_seed(0)
        with device:
            self.net: nn.Module = timm.create_model(model, num_classes=0)
        mean, std = (
            torch.tensor(v, device=device) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        )
        self.scale, self.shift = (v.view(3, 1, 1) for v in (1 / (255 * std), -mean / std))
        self.log_scale = nn.Parameter(torch.tensor(LOG_SCALE, device=device))
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        if channels_last:
            self.net = self.net.to(memory_format=torch.channels_last)
        self.weights = [*self.net.parameters(), self.log_scale]
        fused = True if device.type == "cuda" else None
        self.optimizer = torch.optim.AdamW(self.weights, lr=RATE * 1e-3, fused=fused)
        self.embed = torch.compile(self._embed) if compile else self._embed
        self.device = device

    def _embed(self, images: Tensor) -> Tensor:
        pixels = images.permute(0, 3, 1, 2).float() * self.scale + self.shift
        features: Tensor = self.net(pixels.contiguous(memory_format=self.layout))
        return features

    def step(self, batch: Batch) -> None:
        """Queue one step."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            q, r = (self.embed(batch.images[view]) for view in ("query", "reference"))
        q, r = F.normalize(q.float(), dim=-1), F.normalize(r.float(), dim=-1)
        logits = self.log_scale.exp() * q @ r.T
        target = torch.arange(len(logits), device=self.device)
        rows = F.cross_entropy(logits, target, label_smoothing=SMOOTHING)
        columns = F.cross_entropy(logits.T, target, label_smoothing=SMOOTHING)
        ((rows + columns) / 2).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_value_(self.weights, 100.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def finish(self) -> None:
        """Nothing is left to be read."""
