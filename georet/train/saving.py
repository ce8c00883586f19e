"""From a trainer to a checkpoint and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from georet.config import RunConfig
from georet.encoder import SHARED, Encoder, bare_options, tensors_sha256
from georet.encoder_facts import check_facts, facts_of
from georet.errors import UsageError
from georet.plugins import Plugins
from georet.train import setup
from georet.train.banks import Banks
from georet.train.begun import begun
from georet.train.checkpoint import (
    AVERAGE,
    ENCODER,
    Checkpoint,
    load_checkpoint,
    load_optimizer,
    load_weights,
    optimizer_tensors,
    optimizer_values,
    save_checkpoint,
)
from georet.train.events import EventLog, NoEvents
from georet.train.optim import trained_parameters
from georet.train.optimising.average import Average
from georet.train.parts import Log, Parts
from georet.types import QUERY, REFERENCE

OBJECTIVE, OPTIMIZER, SCHEDULE = "objective", "optimizer", "schedule"


class ObservedState(dict[str, Any]):
    """A checkpoint's state as observers see it: they may add JSON values, and change none."""

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self._own:
            raise ValueError(f"{key!r} is georet's own and can't be changed; add a key of yours")
        json.dumps(value, allow_nan=False)  # raises here, where the observer is known
        super().__setitem__(key, value)

    def __init__(self, state: dict[str, Any]) -> None:
        super().__init__(state)
        self._own = frozenset(state) | {"events_offset"}


def save(parts: Parts, log: Log, banks: Banks, *, is_best: bool) -> None:
    """Write a checkpoint of everything that a resume needs.

    Of several ranks the first one writes, once it is sure that all have the same weights.
    """
    parts.ranks.at(f"saving at step {parts.state.step}")
    parts.ranks.check_same(parts.modules, "the weights")
    parts.ranks.once(lambda: _save(parts, log, banks, is_best=is_best))


def _save(parts: Parts, log: Log, banks: Banks, *, is_best: bool) -> None:
    state: dict[str, Any] = parts.state.as_json() | {
        "scaler": parts.stepper.scaler.state_dict(),
        "plugins": parts.plugins.versions,
        "embed_dim": parts.encoder.embed_dim,
        "views": list(parts.data.pairs.views),
        "bare_options": bare_options(parts.encoder),
        "encoder_facts": facts_of(parts.encoder, _sizes(parts)),
        "begun": begun(parts.config, parts.data.pairs),
    }
    if values := optimizer_values(parts.optimizer, _parameters(parts)):
        state[OPTIMIZER] = values
    if noted := parts.rate.as_json():
        state[SCHEDULE] = noted
    if parts.average is not None:
        state[AVERAGE] = _of_average(parts, parts.average)
    # Observers add to it; what is georet's own they can read only.
    shown = ObservedState(state)
    log.observe("georet_checkpoint", state=shown)
    state = dict(shown)
    state["events_offset"] = log.events.offset()
    groups = {ENCODER: parts.encoder.state_dict(), **banks.groups()}
    if parts.average is not None:
        # Whichever weights are asked for, the maps behind them are those of the ones judged.
        groups[AVERAGE] = {**parts.average.tensors, **parts.encoder.fitted_tensors()}
    groups[OPTIMIZER] = optimizer_tensors(parts.optimizer, _parameters(parts))
    if parts.objective.state_dict():
        groups[OBJECTIVE] = parts.objective.state_dict()
    save_checkpoint(parts.run_dir, groups, state, is_best=is_best)
    banks.tidy()


def resume(parts: Parts, checkpoint: Checkpoint | None) -> EventLog:
    """Take up a checkpoint, if there is one, and return the event log cut to it."""
    if checkpoint is None:
        return event_log(parts)
    where, tensors = str(checkpoint.path), checkpoint.tensors
    parts.encoder.attach_like(tensors[ENCODER])
    load_weights(parts.encoder, tensors[ENCODER], where=where)
    check_facts(parts.encoder, checkpoint.state.get("encoder_facts"), where)
    load_weights(parts.objective, tensors.get(OBJECTIVE, {}), where=where)
    kept, values = tensors.get(OPTIMIZER, {}), checkpoint.state.get(OPTIMIZER, {})
    load_optimizer(parts.optimizer, _parameters(parts), kept, values, where=where)
    parts.rate.restore(checkpoint.state.get(SCHEDULE, {}))
    if parts.average is not None:
        parts.average.restore(tensors[AVERAGE], checkpoint.state[AVERAGE])
    parts.stepper.scaler.load_state_dict(checkpoint.state["scaler"])
    parts.state.restore(checkpoint.state)
    return event_log(parts, offset=checkpoint.state["events_offset"])


def event_log(parts: Parts, *, offset: int = 0) -> EventLog:
    """Return the run's event log, cut to ``offset``; ranks behind the first one write none."""
    if not parts.ranks.is_first:
        return NoEvents()
    return EventLog(parts.run_dir, offset=offset, step=parts.state.step)


def load_encoder(
    run_dir: Path,
    which: str,
    config: RunConfig,
    plugins: Plugins,
    *,
    weights_sha256: str | None = None,
) -> Encoder:
    """Return the encoder of a checkpoint (see ``load_checkpoint``) on the configured device.

    Its branches are those that were trained, whatever data set the configuration names. UsageError,
    before anything is built, where the weights are not those of ``weights_sha256``.
    """
    checkpoint = load_checkpoint(run_dir, which)
    if weights_sha256 is not None:
        check_weights(tensors_sha256(checkpoint.weights), weights_sha256, run_dir)
    return encoder_of(checkpoint, config, plugins, run_dir)


def encoder_of(
    checkpoint: Checkpoint, config: RunConfig, plugins: Plugins, run_dir: Path | None = None
) -> Encoder:
    """Return the encoder of a checkpoint, as ``load_encoder`` does."""
    bare = checkpoint.state["bare_options"]
    before = [name for name in bare if name != SHARED] or [QUERY, REFERENCE]
    views = checkpoint.state.get("views", before)  # checkpoints of 0.1 don't name them
    encoder = setup.make_encoder(config, plugins, views, bare, run_dir)
    encoder.attach_like(checkpoint.weights)
    load_weights(encoder, checkpoint.weights, where=str(checkpoint.path))
    check_facts(encoder, checkpoint.facts, str(checkpoint.path))
    return encoder


def check_weights(found: str, wanted: str, where: Path) -> None:
    """Raise UsageError with both hashes unless they are the same."""
    if found != wanted:
        raise UsageError(
            f"is not the encoder that the gallery was built with: its weights are {found[:16]}, "
            f"the gallery's were {wanted[:16]}",
            where=str(where),
            hint="Name the right one with --encoder, or build the gallery again with this one.",
        )


def _of_average(parts: Parts, average: Average) -> dict[str, Any]:
    with average.applied():
        facts = facts_of(parts.encoder, _sizes(parts))
    return {"updates": average.num_updates, "used": average.config.use, "facts": facts}


def _sizes(parts: Parts) -> dict[str, tuple[int, int]]:
    views = setup.embedded_views(parts.config, parts.data.pairs)
    return {view: parts.config.data.size[view] for view in views}


def _parameters(parts: Parts) -> dict[str, nn.Parameter]:
    return dict(trained_parameters(parts.modules))
