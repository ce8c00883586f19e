"""One optimisation step: forward, loss, backward, guard, update."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from georet.config import TrainConfig
from georet.contracts.encoding import MAP
from georet.data.lacking import having, lengths, present, spread, spread_one
from georet.encoder import Encoder, real, unit
from georet.errors import ComponentError
from georet.progress import say
from georet.ranks.world import ALONE, Ranks
from georet.train.objective import Objective, Share
from georet.train.optim import clip_gradients, set_rate, skips_on_device, trained_parameters
from georet.train.stepping.compiling import Compiled
from georet.train.stepping.convolutions import quick_gradients
from georet.train.stepping.draws import DrawsByPair, generators, keys_of
from georet.train.stepping.extras import FEATURES, Extras, joined
from georet.train.stepping.late import Late
from georet.train.stepping.phases import BACKWARD, FORWARD, LOSS, UPDATE, phase
from georet.train.stepping.result import SMALLEST_FEATURE, StepResult
from georet.train.stepping.sharing import gathered_outputs, gathered_views
from georet.types import Batch, EmbeddedBatch, Ints


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
        ranks: Ranks = ALONE,
    ) -> None:
        self.ranks = ranks
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
        # What is computed again in the backward pass must draw from torch's generator, whose state
        # torch restores for that; timm's networks say by this name that they do so.
        again = any(getattr(module, "grad_checkpointing", False) for module in encoder.modules())
        self._never_by_pair = config.compile or again
        # Known after the first forward pass, which draws by pair to find out.
        self._draws_by_pair = not self._never_by_pair
        self._is_known, self._has_drawn, self._is_told = self._never_by_pair, False, False

    def run(self, batch: Batch, factor: float, *, update: bool) -> StepResult:
        """Add the batch's gradient; where ``update``, step with ``factor`` times the base rate."""
        images = {v: x.to(self.device, non_blocking=True) for v, x in present(batch).items()}
        backward = self._whole if self.config.chunk is None else self._chunked
        # What is compiled has a backward pass of its own.
        quick = nullcontext() if self.config.compile else quick_gradients(self.device)
        with quick:
            own, losses, embedded = backward(images, batch)
        # Of each rank's shares, the sums: what follows is decided alike by all.
        total, *values = self.ranks.total(torch.stack([own.detach(), *losses.values()])).unbind()
        with phase(UPDATE):
            checks = self._finish(total, embedded, factor, update=update)
        scale = real(self.encoder.log_scale.detach().exp())
        numbers = torch.cat([checks, torch.stack([scale, *values])])
        return StepResult(
            total,
            {view: e.detach() for view, e in embedded.embeddings.items()},
            tuple(losses),
            Late(numbers),
        )

    def _whole(
        self, images: dict[str, Tensor], batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor], EmbeddedBatch]:
        with phase(FORWARD):
            self._seed(batch, "0")
            before = generators(self.device)
            features, outputs = self._forward(images, batch)
            if self._must_repeat(before):
                self._seed(batch, "0")
                features, outputs = self._forward(images, batch)
        embedded = self._embedded(features, batch, outputs)
        total, losses = self._loss(embedded)
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
                self._seed(batch, str(number))
                before = generators(self.device)
                found, more = self._chunk(view, chunk, batch, position * size)
                if self._must_repeat(before):
                    self._seed(batch, str(number))
                    found, more = self._chunk(view, chunk, batch, position * size)
                parts[view].append(found.detach())
                others[view].append(more)
        features = {view: torch.cat(p).requires_grad_() for view, p in parts.items()}
        outputs = {view: joined(found) for view, found in others.items()}
        embedded = self._embedded(features, batch, outputs)
        total, losses = self._loss(embedded)
        self._backward(total)
        for number, (view, position, chunk) in enumerate(chunks):
            leaves = {FEATURES: features[view], **outputs[view]}
            gradients = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
            if not gradients:
                continue
            self._seed(batch, str(number))
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
        lacks = told is not None and any(len(some) < num for some in images.values())
        if lacks or self._draws_by_pair:
            # Each view is told of the pairs that have it, and draws for them.
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
        with self._autocast(), self._drawing(view, batch, rows) as drawn:
            features = self.forward_pass({view: chunk}, self.extras.told(batch, rows), outputs)
        if isinstance(drawn, DrawsByPair) and not self._is_known:
            self._has_drawn |= drawn.num_draws > 0
        return features[view], self.extras.of(outputs).get(view, {})

    def _embedded(
        self,
        features: dict[str, Tensor],
        batch: Batch,
        outputs: Mapping[str, Mapping[str, Tensor]],
    ) -> EmbeddedBatch:
        outputs = {view: spread_one(found, batch, view) for view, found in outputs.items()}
        scale = self.encoder.log_scale.exp()
        if batch.whole is None:
            embeddings = spread({view: unit(f) for view, f in features.items()}, batch)
            whole, spread_out = batch, spread(features, batch)
        else:
            # Losses see the whole batch, whichever rank they are computed on.
            whole = batch.whole
            num = len(whole.pairs)
            spread_out = gathered_views(spread(features, batch), num, self.ranks)
            embeddings = {view: unit(f) for view, f in spread_out.items()}
            if self.objective.wanted:
                outputs = gathered_outputs(outputs, num, self.ranks, self.device)
        maps = {view: found[MAP] for view, found in outputs.items() if MAP in found}
        return EmbeddedBatch(embeddings, spread_out, scale, whole, outputs, maps)

    def _loss(self, embedded: EmbeddedBatch) -> tuple[Tensor, dict[str, Tensor]]:
        num, share = len(embedded.batch.pairs), None
        if not self.ranks.is_alone:
            rows, is_local = self.ranks.slots(num), self.config.ranks.local_loss
            share = Share(rows, num, self.ranks.size, is_local)
        self._seed(batch=embedded.batch, what="loss")
        with phase(LOSS):
            found: tuple[Tensor, dict[str, Tensor]] = self.objective(embedded, share)
        return found

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
            self.ranks.add_gradients(self.parameters.values())
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
        is_reduced = self.precision in (torch.float16, torch.bfloat16)
        return torch.autocast(self.device.type, dtype=self.precision, enabled=is_reduced)

    def _drawing(self, view: str, batch: Batch, rows: Ints) -> AbstractContextManager[object]:
        """Return where dropout draws for the pairs ``rows`` of this rank's share."""
        if not self._draws_by_pair:
            return nullcontext()
        first = 0 if batch.whole is None else self.ranks.slots(len(batch.whole.pairs)).start
        return DrawsByPair(keys_of(self.seed, batch, view, rows + first), self.device)

    def _must_repeat(self, before: list[Tensor]) -> bool:
        """Learn from a forward pass whether anything is drawn; say whether it must be repeated."""
        moved = any(
            not torch.equal(a, b) for a, b in zip(before, generators(self.device), strict=True)
        )
        if not self._is_known:
            self._is_known, self._draws_by_pair = True, self._has_drawn or moved
        elif moved and not self._draws_by_pair and not self._never_by_pair:
            self._draws_by_pair = True
            return True
        if moved and not self._is_told and not self.ranks.is_alone:
            self._is_told = True
            say(
                f"{self.encoder.named} draw random numbers that can't be drawn by pair: what is "
                "learnt depends on the number of ranks, within the noise of a seed"
            )
        return False

    def _seed(self, batch: Batch, what: str) -> None:
        # What is not drawn by pair comes from torch's own generator; deriving its state from (seed,
        # epoch, step, chunk) makes a resume need no saved state and lets a chunk be replayed.
        # What a loss draws must be the same on all ranks.
        of_rank = "" if self.ranks.is_alone or what == "loss" else f"/{self.ranks.rank}"
        text = f"{self.seed}/{batch.epoch}/{batch.step}/{what}{of_rank}".encode()
        torch.manual_seed(int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1)
