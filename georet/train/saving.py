"""From a trainer to a checkpoint and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from georet.encoder import bare_options
from georet.train.checkpoint import (
    Checkpoint,
    load_optimizer,
    load_weights,
    optimizer_tensors,
    save_checkpoint,
)
from georet.train.events import EventLog
from georet.train.optim import trained_parameters
from georet.train.state import State

if TYPE_CHECKING:
    from georet.train.trainer import Trainer

ENCODER, OBJECTIVE, OPTIMIZER = "encoder", "objective", "optimizer"


def save(trainer: Trainer, *, is_best: bool) -> None:
    """Write a checkpoint of everything that a resume needs."""
    state: dict[str, Any] = trainer.state.as_json() | {
        "scaler": trainer.stepper.scaler.state_dict(),
        "plugins": trainer.plugins.versions,
        "embed_dim": trainer.encoder.embed_dim,
        "bare_options": bare_options(trainer.encoder),
    }
    trainer.plugins.observe("georet_checkpoint", trainer=trainer, state=state)
    state["events_offset"] = trainer.events.offset()
    groups = {ENCODER: trainer.encoder.state_dict(), **trainer.banks.groups()}
    groups[OPTIMIZER] = optimizer_tensors(trainer.optimizer, _parameters(trainer))
    if trainer.objective.state_dict():
        groups[OBJECTIVE] = trainer.objective.state_dict()
    save_checkpoint(trainer.run_dir, groups, state, is_best=is_best)
    trainer.banks.sweep()


def resume(trainer: Trainer, checkpoint: Checkpoint | None) -> EventLog:
    """Take up a checkpoint, if there is one, and return the event log cut to it."""
    if checkpoint is None:
        return EventLog(trainer.run_dir)
    where = str(checkpoint.path)
    load_weights(trainer.encoder, checkpoint.tensors[ENCODER], where=where)
    load_weights(trainer.objective, checkpoint.tensors.get(OBJECTIVE, {}), where=where)
    load_optimizer(
        trainer.optimizer, _parameters(trainer), checkpoint.tensors.get(OPTIMIZER, {}), where=where
    )
    trainer.stepper.scaler.load_state_dict(checkpoint.state["scaler"])
    trainer.state = State.from_json(checkpoint.state)
    trainer.banks.restore(checkpoint.tensors)
    return EventLog(
        trainer.run_dir, offset=checkpoint.state["events_offset"], step=trainer.state.step
    )


def _parameters(trainer: Trainer) -> dict[str, nn.Parameter]:
    return dict(trained_parameters(trainer.modules))
