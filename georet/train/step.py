"""One optimisation step: forward, loss, backward, guard, update."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from georet.config import TrainConfig
from georet.contracts.encoding import MAP
from georet.data.lacking import having, lengths, present, spread, spread_one
from georet.encoder import Encoder, unit
from georet.errors import ComponentError
from georet.train.objective import Objective
from georet.train.optim import clip_gradients, set_rate, skips_on_device, trained_parameters
from georet.train.stepping.compiling import Compiled
from georet.train.stepping.extras import FEATURES, Extras, joined
from georet.train.stepping.late import Late
from georet.train.stepping.phases import BACKWARD, FORWARD, LOSS, UPDATE, phase
from georet.types import Batch, EmbeddedBatch

SMALLEST_FEATURE = 1e-6
"""Features shorter than this have no direction; normalising them would blow the gradient up."""


NUM_CHECKS = 3
"""Numbers that say whether a step was good: loss, shortest feature, norm of the gradient."""


@dataclass(frozen=True)
class StepResult:
    """Outcome of one batch; its plain numbers are read when they are asked for.

    Reading waits until the device has done this step, not for steps queued after it.
    """

    total: Tensor
    embeddings: dict[str, Tensor]
    names: Sequence[str]
    numbers: Late

    @cached_property
    def _values(self) -> list[float]:
        values: list[float] = self.numbers.read().tolist()
        return values

    @property
    def loss(self) -> float:
        """The objective, weights applied."""
        return self._values[0]

    @property
    def losses(self) -> dict[str, float]:
        """Each loss's value, without its weight."""
        return dict(zip(self.names, self._values[NUM_CHECKS + 1 :], strict=True))

    @property
    def logit_scale(self) -> float:
        """The factor on cosines after the step."""
        return self._values[NUM_CHECKS]

    @cached_property
    def fault(self) -> str | None:
        """Why the update was skipped, or None."""
        loss, shortest, norm = self._values[:NUM_CHECKS]
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if not shortest >= SMALLEST_FEATURE:
            return f"a feature's length is {shortest}"
        if not math.isfinite(norm):
            return f"the gradient's norm is {norm}"
        return None


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
        self.forward_pass = Compiled(encoder) if config.compile else encoder
        self.extras = Extras(encoder, objective.wanted)
        self.scaler = torch.amp.GradScaler(
            self.device.type, init_scale=2.0**10, enabled=precision == torch.float16
        )
        # Where the optimiser can skip an update by itself, the host need not wait for the verdict.
        self.judges_late = self.device.type == "cuda" and skips_on_device(optimizer)
        modules = nn.ModuleDict({"encoder": encoder, "objective": objective})
        self.parameters = dict(trained_parameters(modules))

    def run(self, batch: Batch, factor: float, *, update: bool) -> StepResult:
        """Add the batch's gradient; where ``update``, step with ``factor`` times the base rate."""
        images = {v: x.to(self.device, non_blocking=True) for v, x in present(batch).items()}
        backward = self._whole if self.config.chunk is None else self._chunked
        total, losses, embedded = backward(images, batch)
        with phase(UPDATE):
            checks = self._finish(total.detach(), embedded, factor, update=update)
        scale = self.encoder.log_scale.detach().exp().float()
        numbers = torch.cat([checks, torch.stack([scale, *losses.values()])])
        return StepResult(
            total.detach(),
            {view: e.detach() for view, e in embedded.embeddings.items()},
            tuple(losses),
            Late(numbers),
        )

    def _whole(
        self, images: dict[str, Tensor], batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor], EmbeddedBatch]:
        self._seed(batch, 0)
        with phase(FORWARD):
            features, outputs = self._forward(images, batch)
        embedded = self._embedded(features, batch, outputs)
        with phase(LOSS):
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
        others: dict[str, list[Mapping[str, Tensor]]] = {view: [] for view in images}
        with phase(FORWARD), torch.no_grad():
            for number, (view, position, chunk) in enumerate(chunks):
                self._seed(batch, number)
                found, more = self._chunk(view, chunk, batch, position * size)
                parts[view].append(found.detach())
                others[view].append(more)
        features = {view: torch.cat(p).requires_grad_() for view, p in parts.items()}
        outputs = {view: joined(found) for view, found in others.items()}
        embedded = self._embedded(features, batch, outputs)
        with phase(LOSS):
            total, losses = self.objective(embedded)
        self._backward(total)
        for number, (view, position, chunk) in enumerate(chunks):
            leaves = {FEATURES: features[view], **outputs[view]}
            gradients = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
            if not gradients:
                continue
            self._seed(batch, number)
            with phase(BACKWARD):
                found, more = self._chunk(view, chunk, batch, position * size)
                again = {FEATURES: found, **more}
                torch.autograd.backward(
                    [again[name] for name in gradients],
                    [torch.split(gradient, size)[position] for gradient in gradients.values()],
                )
        return total, losses, embedded

    def _forward(
        self, images: dict[str, Tensor], batch: Batch
    ) -> tuple[dict[str, Tensor], dict[str, Mapping[str, Tensor]]]:
        told, num = self.extras.told(batch), len(batch.pairs)
        if told is not None and any(len(some) < num for some in images.values()):
            # Each view is told of the pairs that have it.
            found = {view: self._chunk(view, some, batch, 0) for view, some in images.items()}
            return {v: one for v, (one, _) in found.items()}, {v: o for v, (_, o) in found.items()}
        outputs = self.extras.empty(images)
        with self._autocast():
            features = self.forward_pass(images, told, outputs)
        return features, dict(self.extras.of(outputs))

    def _chunk(
        self, view: str, chunk: Tensor, batch: Batch, first: int
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        outputs = self.extras.empty([view])
        rows = having(batch, view)[first : first + len(chunk)]
        with self._autocast():
            features = self.forward_pass({view: chunk}, self.extras.told(batch, rows), outputs)
        return features[view], self.extras.of(outputs).get(view, {})

    def _embedded(
        self,
        features: dict[str, Tensor],
        batch: Batch,
        outputs: Mapping[str, Mapping[str, Tensor]],
    ) -> EmbeddedBatch:
        embeddings = spread({view: unit(f) for view, f in features.items()}, batch)
        outputs = {view: spread_one(found, batch, view) for view, found in outputs.items()}
        maps = {view: found[MAP] for view, found in outputs.items() if MAP in found}
        scale = self.encoder.log_scale.exp()
        return EmbeddedBatch(embeddings, spread(features, batch), scale, batch, outputs, maps)

    def _backward(self, total: Tensor) -> None:
        try:
            with phase(BACKWARD):
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
    ) -> Tensor:
        """Guard the sums of gradients, then clip, step and clear them; return the checks float[3].

        Where gradients accumulate, a bad micro-batch takes its good neighbours with it: all that
        was summed before it is cleared. An update that is still to come is made of those after it,
        each still weighted as one of ``accumulate``; where the bad one is the last, there is none.
        """
        shortest = lengths(embedded.features, embedded.batch)
        norm = torch.zeros((), device=self.device)
        if update:
            self.scaler.unscale_(self.optimizer)
            norm = clip_gradients(self.parameters.values(), self.config)
        checks = torch.stack([total, shortest.min(), norm])
        good = checks[::2].isfinite().all() & (checks[1] >= SMALLEST_FEATURE)
        # Asking a tensor whether it is true makes the host wait.
        is_good = self.judges_late or bool(good)
        if is_good and update:
            set_rate(self.optimizer, factor)
            self._update(good)
        if update:
            self.scaler.update()
        if update or not is_good:
            self.optimizer.zero_grad(set_to_none=True)
        elif self.judges_late:
            for parameter in self.parameters.values():
                if parameter.grad is not None:
                    parameter.grad.masked_fill_(~good, 0)
        return checks

    def _update(self, good: Tensor) -> None:
        """Step; where judged late, the optimiser's kernels leave all as it is unless ``good``."""
        if not self.judges_late:
            self.scaler.step(self.optimizer)
            return
        # As GradScaler hands it over; the gradients are unscaled already.
        self.optimizer.found_inf = (~good).float()  # type: ignore[attr-defined]
        self.optimizer.step()
        del self.optimizer.found_inf  # type: ignore[attr-defined]

    def _autocast(self) -> AbstractContextManager[None]:
        return torch.autocast(
            self.device.type, dtype=self.precision, enabled=self.precision != torch.float32
        )

    def _seed(self, batch: Batch, chunk: int) -> None:
        # Dropout draws from torch's own generator; deriving its state from (seed, epoch, step,
        # chunk) makes a resume need no saved state and lets a chunk be replayed.
        text = f"{self.seed}/{batch.epoch}/{batch.step}/{chunk}".encode()
        torch.manual_seed(int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1)
