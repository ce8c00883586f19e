"""One optimisation step: forward, loss, backward, guard, update."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from georet.config import TrainConfig
from georet.data.lacking import lengths, present, spread
from georet.encoder import Encoder, unit
from georet.errors import ComponentError
from georet.train.objective import Objective
from georet.train.optim import clip_gradients, set_rate, trained_parameters
from georet.types import Batch, EmbeddedBatch

SMALLEST_FEATURE = 1e-6
"""Features shorter than this have no direction; normalising them would blow the gradient up."""


@dataclass(frozen=True)
class StepResult:
    """Outcome of one batch; ``fault`` says why the update was skipped, or is None."""

    total: Tensor
    loss: float
    losses: dict[str, float]
    embeddings: dict[str, Tensor]
    fault: str | None = None


class Stepper:
    """Owns nothing but references: encoder, objective, optimiser and how precise to be."""

    def __init__(
        self,
        encoder: Encoder,
        objective: Objective,
        optimizer: torch.optim.Optimizer,
        config: TrainConfig,
        *,
        precision: torch.dtype,
        seed: int,
    ) -> None:
        self.encoder, self.objective = encoder, objective
        self.optimizer, self.config, self.seed = optimizer, config, seed
        self.precision, self.device = precision, encoder.log_scale.device
        self.forward_pass = torch.compile(encoder) if config.compile else encoder
        self.scaler = torch.amp.GradScaler(
            self.device.type, init_scale=2.0**10, enabled=precision == torch.float16
        )
        modules = nn.ModuleDict({"encoder": encoder, "objective": objective})
        self.parameters = dict(trained_parameters(modules))

    def run(self, batch: Batch, factor: float, *, update: bool) -> StepResult:
        """Add the batch's gradient; where ``update``, step with ``factor`` times the base rate."""
        images = {v: x.to(self.device, non_blocking=True) for v, x in present(batch).items()}
        backward = self._whole if self.config.chunk is None else self._chunked
        total, losses, embedded = backward(images, batch)
        fault = self._finish(total, embedded, factor, update=update)
        values = torch.stack([total.detach(), *losses.values()]).tolist()
        return StepResult(
            total.detach(),
            values[0],
            dict(zip(losses, values[1:], strict=True)),
            {view: e.detach() for view, e in embedded.embeddings.items()},
            fault,
        )

    def _whole(
        self, images: dict[str, Tensor], batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor], EmbeddedBatch]:
        self._seed(batch, 0)
        with self._autocast():
            features = self.forward_pass(images)
        embedded = self._embedded(features, batch)
        total, losses = self.objective(embedded)
        self._backward(total)
        return total, losses, embedded

    def _chunked(
        self, images: dict[str, Tensor], batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor], EmbeddedBatch]:
        """Cached gradients (Gao et al., arXiv 2101.06983): embed, differentiate, embed again.

        Memory is that of one chunk; each chunk's second pass sees the random numbers of its first.
        """
        size = self.config.chunk or 1
        chunks = [(v, k, c) for v, x in images.items() for k, c in enumerate(torch.split(x, size))]
        parts: dict[str, list[Tensor]] = {view: [] for view in images}
        with torch.no_grad():
            for number, (view, _, chunk) in enumerate(chunks):
                self._seed(batch, number)
                with self._autocast():
                    parts[view].append(self.forward_pass({view: chunk})[view].detach())
        features = {view: torch.cat(p).requires_grad_() for view, p in parts.items()}
        embedded = self._embedded(features, batch)
        total, losses = self.objective(embedded)
        self._backward(total)
        for number, (view, position, chunk) in enumerate(chunks):
            gradient = features[view].grad
            if gradient is None:
                continue
            self._seed(batch, number)
            with self._autocast():
                again = self.forward_pass({view: chunk})[view]
            again.backward(torch.split(gradient, size)[position])
        return total, losses, embedded

    def _embedded(self, features: dict[str, Tensor], batch: Batch) -> EmbeddedBatch:
        embeddings = spread({view: unit(f) for view, f in features.items()}, batch)
        features = spread(features, batch)
        return EmbeddedBatch(embeddings, features, self.encoder.log_scale.exp(), batch)

    def _backward(self, total: Tensor) -> None:
        try:
            # torch types neither of these two.
            self.scaler.scale(total / self.config.accumulate).backward()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise ComponentError(
                f"no gradient can be computed: {error}",
                where=f"losses {self.objective.named}, {self.encoder.named}",
                hint="One of them changes a tensor in place that the gradient needs, or leaves "
                "torch; GEORET_DEBUG=1 shows the traceback.",
            ) from error

    def _finish(
        self, total: Tensor, embedded: EmbeddedBatch, factor: float, *, update: bool
    ) -> str | None:
        """Guard the sums of gradients, then clip, step and clear them; return what is wrong.

        Where gradients accumulate, a bad micro-batch takes its good neighbours with it: all that
        was summed before it is cleared. An update that is still to come is made of those after it,
        each still weighted as one of ``accumulate``; where the bad one is the last, there is none.
        """
        shortest = lengths(embedded.features, embedded.batch)
        norm = torch.zeros((), device=self.device)
        if update:
            self.scaler.unscale_(self.optimizer)
            norm = clip_gradients(self.parameters.values(), self.config)
        checks = torch.stack([total.detach(), shortest.min(), norm]).tolist()
        fault = _fault(*checks)
        if fault is None and update:
            set_rate(self.optimizer, factor)
            self.scaler.step(self.optimizer)
        if update:
            self.scaler.update()
        if fault is not None or update:
            self.optimizer.zero_grad(set_to_none=True)
        return fault

    def _autocast(self) -> AbstractContextManager[None]:
        return torch.autocast(
            self.device.type, dtype=self.precision, enabled=self.precision != torch.float32
        )

    def _seed(self, batch: Batch, chunk: int) -> None:
        # Dropout draws from torch's own generator; deriving its state from (seed, epoch, step,
        # chunk) makes a resume need no saved state and lets a chunk be replayed.
        text = f"{self.seed}/{batch.epoch}/{batch.step}/{chunk}".encode()
        torch.manual_seed(int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1)


def _fault(loss: float, shortest: float, norm: float) -> str | None:
    if not torch.isfinite(torch.tensor(loss)):
        return f"the loss is {loss}"
    if not shortest >= SMALLEST_FEATURE:
        return f"a feature's length is {shortest}"
    if not torch.isfinite(torch.tensor(norm)):
        return f"the gradient's norm is {norm}"
    return None
