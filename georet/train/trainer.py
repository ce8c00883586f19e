"""The trainer: read ``fit`` and go down from there."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from georet.blame import maker_of
from georet.config import RunConfig
from georet.data.loader import PairLoader
from georet.encoder import has_maps
from georet.errors import TrainingError
from georet.evaluate.evaluator import Result
from georet.interrupt import StopRequest
from georet.plugins import Plugins
from georet.progress import stage
from georet.ranks.world import ALONE, Ranks
from georet.run_layout import PROFILE
from georet.train import setup
from georet.train.banks import Banks
from georet.train.begun import check_begun
from georet.train.checkpoint import has_checkpoint, load_checkpoint
from georet.train.device import threads_of
from georet.train.fitted import fit_encoder
from georet.train.judge import Judge
from georet.train.parts import Log, loader_of, make_parts
from georet.train.planning import digest, plan_epoch, planned_by_first, prepared
from georet.train.saving import resume, save
from georet.train.stepping.feeding import on_device
from georet.train.stepping.late import Late
from georet.train.stepping.phases import NOTE, awaited, phase
from georet.train.stepping.profiling import StepProfile
from georet.train.stepping.result import StepResult
from georet.train.stepping.sharing import told
from georet.types import Batch, BatchPlan

NUM_EXAMPLES = 16
"""Pairs of a batch that an event keeps, for the report."""
LAG = 1
"""Steps that the host queues before it reads what became of one, where the device judges them."""


@dataclass(frozen=True)
class Done:
    """A step that the host has queued, and of which it has not heard yet."""

    batch: Batch
    step: int
    factor: float
    result: StepResult
    embeddings: dict[str, Late]


class Trainer:
    """Trains one run in one folder; made anew, it goes on where the folder's checkpoint stands."""

    def __init__(
        self,
        config: RunConfig,
        plugins: Plugins,
        run_dir: Path,
        *,
        data: setup.Data | None = None,
        profile: int = 0,
        ranks: Ranks = ALONE,
    ) -> None:
        self.stop, self.ranks = StopRequest(), ranks
        threads = threads_of(config.train.threads, run_dir, ranks.local_size)
        if threads is not None:
            torch.set_num_threads(threads)
        checkpoint = load_checkpoint(run_dir) if has_checkpoint(run_dir) else None
        self.parts = parts = make_parts(config, plugins, run_dir, checkpoint, data, ranks)
        # What observers may use (``contracts.observing.Training``), and what the loop reads most.
        self.config, self.plugins, self.run_dir = config, plugins, run_dir
        self.data, self.pairs, self.state = parts.data, parts.data.pairs, parts.state
        self.encoder, self.objective = parts.encoder, parts.objective
        self.optimizer, self.stepper, self.sampler = parts.optimizer, parts.stepper, parts.sampler
        self.bad_images = parts.embedder.bad_images
        recorded = None if checkpoint is None else checkpoint.state.get("begun")
        has_fits = checkpoint is not None and has_maps(checkpoint.weights)
        self.changes = check_begun(recorded, config, parts.data.pairs, has_fits=has_fits)
        self._cut_at = None if checkpoint is None else int(checkpoint.state["events_offset"])
        self.events = resume(parts, checkpoint)
        self._has_planned = False
        profile = profile if ranks.is_first else 0
        self.profile = StepProfile(profile, run_dir / PROFILE, self.stepper.device)
        # One step is read while the device does the next; an observer sees each when it is done.
        is_watched = plugins.is_observed("georet_step_end")
        self._lag = LAG if self.stepper.judges_late and not is_watched else 0
        self._done: deque[Done] = deque()
        self._last_loss = float("nan")
        # Observers see one training, told by the rank that speaks for all.
        tell = partial(plugins.observe, trainer=self) if ranks.is_first else _tell_nobody
        self.log = Log(self.events, self.stop, tell, run_dir)
        self.banks, self.judge = Banks(parts, self.log), Judge(parts, self.log)
        if checkpoint is not None:
            self.banks.restore(checkpoint.tensors)

    def fit(self) -> dict[str, Result]:
        """Train to the end, evaluate every gallery, and return the results by set."""
        self.encoder.train()
        self.objective.train()
        self.log.observe("georet_fit_start", cut_at=self._cut_at)
        error: BaseException | None = None
        try:
            with self.stop, loader_of(self.parts) as loader:
                while not self._is_done():
                    self._epoch(loader)
                self.state.is_trained = True
                if fit_encoder(self.parts, self.log, self.judge):
                    save(self.parts, self.log, self.banks, is_best=False)
                results, is_best = self.judge.final()
                if not self.state.is_finished:
                    self.state.is_finished = True
                    save(self.parts, self.log, self.banks, is_best=is_best)
                self.bad_images |= loader.bad_images
        except BaseException as caught:
            error = caught
            raise
        else:
            return results
        finally:
            self.events.close()
            self.log.observe("georet_fit_end", error=error)

    def _is_done(self) -> bool:
        if self.state.is_trained:
            return True
        return self.state.epoch >= self.config.train.epochs or self.judge.has_lost_patience

    def _epoch(self, loader: PairLoader) -> None:
        epoch = self.state.epoch
        self.banks.prepare(epoch)
        plan = self._plan(epoch)
        self._train(loader, plan)
        self.state.epoch, self.state.batch = epoch + 1, 0
        is_due = self.state.epoch % self.config.evaluate.every == 0 and not self._is_done()
        save(self.parts, self.log, self.banks, is_best=is_due and self.judge.is_best(epoch))

    def _plan(self, epoch: int) -> BatchPlan:
        self.ranks.at(f"planning, epoch {epoch}")
        with self.log.timed("plan", epoch):
            prepared(self.ranks, self.sampler, epoch, self.pairs, self.banks.current)
            plan = planned_by_first(self.ranks, partial(self._planned, epoch))
        self._has_planned = True
        if self.state.batch and self.state.plan not in (None, digest(plan)):
            raise maker_of(self.sampler).broke(
                f"the plan of epoch {epoch} is not the one that the run was stopped in",
                "Its code, its options or the data changed since; start a new run.",
            )
        self.state.plan = digest(plan)
        num = len(plan.batches)
        if not self.state.batch:
            self.events.write(
                "plan",
                epoch=plan.epoch,
                sampler=plan.sampler,
                num_batches=num,
                info=dict(plan.info),
                example_pairs=[plan.batches[i][:NUM_EXAMPLES].tolist() for i in (0, num // 2)],
            )
        self.log.observe("georet_plan_ready", epoch=epoch, plan=plan)
        return plan

    def _planned(self, epoch: int) -> BatchPlan:
        return plan_epoch(
            self.sampler,
            epoch,
            self.pairs,
            self.banks.current,
            batch_size=self.config.train.batch_size,
            seed=self.config.seed,
            epochs=self.config.train.epochs,
            twice=not self._has_planned,
        )

    def _train(self, loader: PairLoader, plan: BatchPlan) -> None:
        num, first = len(plan.batches), self.state.batch
        title = f"epoch {plan.epoch + 1}/{self.config.train.epochs} training"
        batches = on_device(loader.epoch(plan, first_step=first), self.stepper.device)
        started = time.perf_counter()
        with stage(num, title, done=first) as bar, self.profile:
            for batch in awaited(batches):
                self.ranks.at(f"training, step {self.state.step}")
                self._batch(told(batch, self.ranks), num)
                self.profile.step()
                done = (self.state.batch - first) * plan.batches.shape[1]
                rate = done / (time.perf_counter() - started)
                bar.advance(1, f"loss {self._last_loss:.3f}  {rate:.0f} pairs/s")
                self._save_midway(num, self._agree(loader))
            self._settle()
        self.log.note_time("train", plan.epoch, started, num_batches=num - first)

    def _agree(self, loader: PairLoader) -> str | None:
        """Return what any rank was asked to stop by; count the unreadable images of all."""
        if self.ranks.is_alone:
            return self.stop.requested
        said = self.ranks.exchange((self.stop.requested, dict(loader.bad_images)))
        for _, met in said:
            loader.note_bad(met)
        return next((stop for stop, _ in said if stop), None)

    def _batch(self, batch: Batch, num: int) -> None:
        config, state = self.config.train, self.state
        position = state.epoch + batch.step / num
        factor = self.parts.rate.factor(position, config.epochs)
        state.batch = batch.step + 1
        result = self.stepper.run(batch, factor, update=self._is_update(num))
        if self.parts.average is not None and self._is_update(num):
            self.parts.average.update()
        kept = result.embeddings if self.banks.running is not None else {}
        late = {view: Late(embeddings) for view, embeddings in kept.items()}
        self._done.append(Done(batch.whole or batch, state.step, factor, result, late))
        with phase(NOTE):
            self._settle(self._lag)
        state.step += 1

    def _settle(self, left: int = 0) -> None:
        """Note what became of the steps done, of all but the last ``left``, in their order."""
        while len(self._done) > left:
            done = self._done.popleft()
            self._note_step(done)
            self._last_loss = done.result.loss
            if done.result.fault is None:
                embeddings = {view: late.read() for view, late in done.embeddings.items()}
                self.banks.collect(done.batch, embeddings)
                self.log.observe("georet_step_end", step=done.step, loss=done.result.total)

    def _is_update(self, num: int) -> bool:
        return self.state.batch % self.config.train.accumulate == 0 or self.state.batch == num

    def _save_midway(self, num: int, stop: str | None) -> None:
        """Save when it is time, or when asked to stop; the end of an epoch saves by itself."""
        if self.state.batch == num or not self._is_update(num):
            return
        if stop or self.state.batch % self.config.train.checkpoint_every == 0:
            self._settle()
            save(self.parts, self.log, self.banks, is_best=False)
        if stop:
            self.stop.requested = stop
            self.log.check_stop()

    def _note_step(self, done: Done) -> None:
        state, config, result = self.state, self.config.train, done.result
        place = {"epoch": state.epoch, "step": done.step}
        if result.fault is not None:
            state.bad_in_row, state.num_bad = state.bad_in_row + 1, state.num_bad + 1
            self.events.write("bad_step", **place, reason=result.fault)
            if state.bad_in_row >= config.max_bad_steps:
                raise TrainingError(
                    f"{state.bad_in_row} steps in a row were skipped; last: {result.fault}",
                    where=f"step {done.step}",
                    hint="Lower train.lr, or use --set precision=fp32. Trained are losses "
                    f"{self.objective.named} and {self.encoder.named}.",
                )
            return
        state.bad_in_row = 0
        values = {
            "loss": result.loss,
            "lr": config.lr * done.factor,
            "logit_scale": result.logit_scale,
        }
        self.events.write("step", **place, **values, losses=result.losses)
        self.events.scalars(values | result.losses, done.step)


def _tell_nobody(_: str, **values: object) -> None:
    del values
