"""The hooks that tell plugins what happens in a run; an observer returns nothing.

An exception in an observer ends the run with an error that names its plugin.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import torch

    from georet.config import RunConfig
    from georet.contracts.observing import Training
    from georet.types import BatchPlan, EmbeddingBank

hookspec = pluggy.HookspecMarker("georet")


@hookspec
def georet_configure(config: RunConfig) -> None:
    """See the final configuration, before anything is built; raise ConfigError to refuse it.

    ``config`` is complete and can't be changed. Called once a run, first of all. Added in 0.1.

    Example::

        from georet import hookimpl
        from georet.errors import ConfigError


        @hookimpl
        def georet_configure(config):
            if config.train.batch_size % 8:
                raise ConfigError("must be a multiple of 8", where="train.batch_size")
    """


@hookspec
def georet_fit_start(trainer: Training, cut_at: int | None) -> None:
    """See the training once encoder, losses, sampler, data and optimiser are made, before epoch 0.

    Called once a run and once after each resume. ``cut_at`` is None at the start of a run. At a
    resume it is the length in bytes to which ``events.jsonl`` was cut: what came behind the
    checkpoint happens again. A log of one's own is to be cut at the same place, or to pass over
    what it has already: ``georet.tailing.EventTail`` does. Added in 0.1.

    Example::

        import logging

        from georet import hookimpl

        log = logging.getLogger(__name__)


        @hookimpl
        def georet_fit_start(trainer, cut_at):
            how = "starts" if cut_at is None else f"goes on at byte {cut_at} of its events"
            log.info("a run of %d epochs %s", trainer.config.train.epochs, how)
    """


@hookspec
def georet_plan_ready(trainer: Training, epoch: int, plan: BatchPlan) -> None:
    """See an epoch's batches: ``plan.batches`` int64[S, B] holds rows of the pair table.

    ``epoch`` counts from 0. Called once per epoch, before its first step. Added in 0.1.

    Example::

        from georet import hookimpl

        planned = []


        @hookimpl
        def georet_plan_ready(epoch, plan):
            num_steps, batch_size = plan.batches.shape
            planned.append((epoch, num_steps, batch_size))
    """


@hookspec
def georet_step_end(trainer: Training, step: int, loss: torch.Tensor) -> None:
    """See the objective float[] of a batch, weights applied: detached, still on its device.

    ``step`` counts batches from the start of training. Called after each one that was not skipped;
    on CUDA the host waits for each step where a plugin has this hook. Added in 0.1.

    Example::

        from georet import hookimpl

        seen = []


        @hookimpl
        def georet_step_end(step, loss):
            if step % 100 == 0:
                seen.append((step, loss.item()))
    """


@hookspec
def georet_bank_ready(trainer: Training, epoch: int, bank: EmbeddingBank) -> None:
    """See the embeddings mined before an epoch: query float32[N', D], reference float32[R, D].

    N' is the number of training query images; rows have unit length, as in the image tables.
    Called before the epoch's plan, in epochs whose sampler asked for mining. Added in 0.1.

    Example::

        import numpy as np

        from georet import hookimpl

        spreads = {}


        @hookimpl
        def georet_bank_ready(epoch, bank):
            # 0: all embeddings are the same (collapse); 1: they point everywhere.
            spreads[epoch] = 1 - float(np.linalg.norm(bank.reference.mean(axis=0)))
    """


@hookspec
def georet_eval_end(
    trainer: Training | None,
    epoch: int,
    metrics: Mapping[str, Mapping[str, float]],
    run_dir: Path,
    config: RunConfig,
) -> None:
    """See the metrics of an evaluation: {evaluation set: {metric: value}}.

    Shares are percent, distances metres. Called after each evaluation: while training, at its end,
    and by ``georet eval``. That trains nothing, so there ``trainer`` is None, ``epoch`` is the last
    one that the weights were trained in, and ``config`` is the run's with what was overridden
    (another data set, a field of view). ``run_dir`` is the run's folder. Added in 0.1.

    Example::

        from georet import hookimpl

        curve = {}


        @hookimpl
        def georet_eval_end(epoch, metrics):
            curve[epoch] = {name: values["recall@1"] for name, values in metrics.items()}
    """


@hookspec
def georet_checkpoint(trainer: Training, state: dict[str, Any]) -> None:
    """See the JSON-serialisable state of a checkpoint that is about to be written.

    An observer may add values of its own under its plugin's name. Called before each checkpoint.
    Added in 0.1.

    Example::

        from georet import hookimpl

        best = {"recall": 0.0}


        @hookimpl
        def georet_checkpoint(state):
            state["my_plugin"] = dict(best)
    """


@hookspec
def georet_fit_end(trainer: Training, error: BaseException | None) -> None:
    """See the end of a run; ``error`` is what ended it early, or None.

    Called once, last. Added in 0.1.

    Example::

        from georet import hookimpl

        outcome = []


        @hookimpl
        def georet_fit_end(error):
            outcome.append("finished" if error is None else f"stopped: {error}")
    """


@hookspec
def georet_export_end(artefact: Path, run_dir: Path) -> None:
    """See an exported format: its folder, which holds the artefact, or one folder a view.

    ``run_dir`` is the folder of the run that was exported. Called once for each format that is
    kept, when its files are complete and judged. Added in 0.1.

    Example::

        from georet import hookimpl

        written = []


        @hookimpl
        def georet_export_end(artefact):
            written.append(artefact.name)
    """


@hookspec
def georet_gallery_end(gallery: Path, run_dir: Path | None) -> None:
    """See a finished gallery: its folder, whose ``gallery.json`` vouches for all other files.

    ``run_dir`` is the folder of the run whose encoder embedded the tiles, None where that was an
    exported artefact. Called by ``georet gallery build`` once the gallery is complete; also where
    the same command finds it complete already. Added in 0.1.

    Example::

        import json

        from georet import hookimpl

        sizes = {}


        @hookimpl
        def georet_gallery_end(gallery):
            manifest = json.loads((gallery / "gallery.json").read_text())
            sizes[gallery.name] = manifest["num_tiles"]
    """
