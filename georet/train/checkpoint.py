"""Checkpoints: safetensors and JSON under hashes, written whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from georet.errors import ComponentError, DataError, GeoretError, IntegrityError, UsageError
from georet.files import new_folder, read_object, tidy_temporary, verify, write_json
from georet.run_layout import CHECKPOINTS, FINAL

STATE = "state.json"
LAST, BEST = "last", "best"
ENCODER, AVERAGE = "encoder", "average"
TRAINED = "trained"
_GIVEN = ("params", "lr", "weight_decay", "base_lr")
"""What georet puts into an optimiser's groups itself."""

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint: its folder, named groups of tensors, and the loop's state."""

    path: Path
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]
    whose: str = ""
    """The weights asked for, ``trained`` or ``average``; empty: those that the run judged."""

    @property
    def is_average(self) -> bool:
        """Whether the weights asked for are the average over the training."""
        judged = AVERAGE if self.state.get(AVERAGE, {}).get("used") else TRAINED
        return (self.whose or judged) == AVERAGE

    @property
    def weights(self) -> dict[str, Tensor]:
        """The encoder's tensors that were asked for."""
        return self.tensors[AVERAGE if self.is_average else ENCODER]

    @property
    def facts(self) -> dict[str, Any] | None:
        """What is known of the encoder with these weights; None in checkpoints of 0.1."""
        if self.is_average:
            return dict(self.state[AVERAGE]["facts"])
        return self.state.get("encoder_facts")


def save_checkpoint(
    run_dir: Path, groups: Mapping[str, Tensors], state: Mapping[str, Any], *, is_best: bool
) -> Path:
    """Write ``checkpoints/step-N`` (``-final``) and move the pointer ``last`` (and ``best``).

    Checkpoints to which no pointer leads any more are removed, only after the pointers are on disk.
    """
    folder = run_dir / CHECKPOINTS
    name = f"step-{state['step']:08d}" + (FINAL if state.get("is_finished") else "")
    path, number = folder / name, 0
    while path.exists():
        # Saved by a run that was killed before the pointers moved; it is removed below.
        number += 1
        path = folder / f"{name}.{number}"
    with new_folder(path) as temporary:
        for group, tensors in groups.items():
            plain = {k: t.detach().cpu().contiguous() for k, t in tensors.items()}
            write_tensors(temporary / f"{group}.safetensors", plain)
        write_json(temporary / STATE, dict(state))
    for pointer in [LAST, BEST] if is_best else [LAST]:
        write_json(folder / f"{pointer}.json", {"checkpoint": path.name})
    kept = {read_object(p, "checkpoint")["checkpoint"] for p in folder.glob("*.json")}
    for left in folder.iterdir():
        if left.is_dir() and left.name not in kept:
            shutil.rmtree(left)
    tidy_temporary(folder)
    return path


def write_tensors(path: Path, tensors: Tensors) -> None:
    """Write a safetensors file; OSError where the disk refuses, which safetensors calls its own."""
    try:
        save_file(dict(tensors), path)
    except SafetensorError as error:
        raise OSError(str(error)) from error


def load_checkpoint(run_dir: Path, which: str = LAST) -> Checkpoint:
    """Return the checkpoint ``last`` or ``best`` of a run, each file held against its hash.

    With ``-average`` or ``-trained`` behind the name, the weights are the average over the
    training or those of its end, whatever the run judged. A run that trains meanwhile may replace
    it while it is read; then the new one is read.
    """
    check_name(which)
    which, _, whose = which.partition("-")
    pointer = run_dir / CHECKPOINTS / f"{which}.json"
    if not pointer.is_file():
        raise DataError(
            f"the run has no {which} checkpoint",
            where=str(run_dir),
            hint=f"Start it again: georet train --resume {run_dir}",
        )
    while True:
        name = str(read_object(pointer).get("checkpoint", ""))
        if not name or Path(name).name != name:
            raise IntegrityError("does not name a checkpoint", where=str(pointer))
        try:
            found = replace(_read(run_dir / CHECKPOINTS / name), whose=whose)
        except (GeoretError, OSError):
            if str(read_object(pointer).get("checkpoint", "")) == name:
                raise
            continue
        if whose == AVERAGE and AVERAGE not in found.tensors:
            raise DataError(
                "the run kept no average of its weights",
                where=str(run_dir),
                hint=f"Use the checkpoint {which}; --set train.ema.decay=0.999 keeps one.",
            )
        return found


def check_name(which: str, *, where: str | None = None) -> None:
    """Raise UsageError unless this is the name of a checkpoint."""
    pointer, dash, whose = which.partition("-")
    if pointer not in (LAST, BEST) or (dash and whose not in (AVERAGE, TRAINED)):
        raise UsageError(
            f"no checkpoint {which!r}",
            where=where,
            hint="last or best; with -average or -trained the weights averaged, or at the end.",
        )


def _read(path: Path) -> Checkpoint:
    verify(path)
    try:
        tensors = {p.stem: load_file(p) for p in sorted(path.glob("*.safetensors"))}
    except SafetensorError as error:
        raise IntegrityError(f"holds no readable tensors: {error}", where=str(path)) from error
    return Checkpoint(path, tensors, read_object(path / STATE))


def has_checkpoint(run_dir: Path) -> bool:
    """Say whether the run has been saved at least once."""
    return (run_dir / CHECKPOINTS / f"{LAST}.json").is_file()


def load_weights(module: nn.Module, tensors: Tensors, *, where: str) -> None:
    """Copy tensors into a module; every name and shape must fit."""
    own = module.state_dict()
    faults = [f"{n} is missing" for n in own if n not in tensors]
    faults += [f"{n} is unknown" for n in tensors if n not in own]
    faults += [
        f"{n} has shape {tuple(t.shape)}, wanted {tuple(own[n].shape)}"
        for n, t in tensors.items()
        if n in own and own[n].shape != t.shape
    ]
    if faults:
        more = f" and {len(faults) - 10} more" if len(faults) > 10 else ""
        raise DataError(
            f"the weights don't fit the encoder: {'; '.join(faults[:10])}{more}",
            where=where,
            hint="Use the configuration the weights were trained with.",
        )
    module.load_state_dict(dict(tensors))


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """Return the optimiser's state as ``<slot>/<parameter>`` tensors."""
    return {f"{slot}/{name}": v for slot, name, v in _slots(optimizer, parameters) if _is_tensor(v)}


def optimizer_values(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]
) -> dict[str, Any]:
    """Return as JSON values what the optimiser remembers beside its tensors.

    ``values`` are by ``<slot>/<parameter>``; ``groups`` hold what stands in its groups and is
    neither a parameter nor as it was made. Nothing for most. ComponentError for what no checkpoint
    can keep.
    """
    slots = _slots(optimizer, parameters)
    values = {f"{slot}/{name}": v for slot, name, v in slots if not _is_tensor(v)}
    groups = [
        {
            key: v
            for key, v in group.items()
            if key not in _GIVEN and optimizer.defaults.get(key) != v
        }
        for group in optimizer.param_groups
    ]
    for key, value in [*values.items(), *((k, v) for group in groups for k, v in group.items())]:
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise ComponentError(
                f"keeps a {type(value).__name__} in {key!r}, which no checkpoint can hold",
                where=type(optimizer).__name__,
                hint="An optimiser's state is tensors by parameter, and plain numbers and texts.",
            ) from error
    return {"values": values, "groups": groups} if values or any(groups) else {}


def load_optimizer(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    tensors: Tensors,
    values: Mapping[str, Any] | None = None,
    *,
    where: str,
) -> None:
    """Put back what ``optimizer_tensors`` and ``optimizer_values`` returned."""
    # Fused kernels count steps on the device; the others want the count on the host.
    counts_there = bool(optimizer.defaults.get("fused") or optimizer.defaults.get("capturable"))
    plain = values or {}
    for key, value in [*tensors.items(), *plain.get("values", {}).items()]:
        slot, _, name = key.partition("/")
        if name not in parameters:
            raise DataError(f"the optimiser's state names {name!r}, not trained here", where=where)
        if _is_tensor(value):
            is_count = slot == "step" and not counts_there
            value = value.to(value.device if is_count else parameters[name].device)
            value = _laid_out_as(value, parameters[name])
        optimizer.state.setdefault(parameters[name], {})[slot] = value
    for group, kept in zip(optimizer.param_groups, plain.get("groups", ()), strict=False):
        for key, value in kept.items():
            # JSON has lists only.
            group[key] = tuple(value) if isinstance(group.get(key), tuple) else value


def _laid_out_as(value: Tensor, parameter: nn.Parameter) -> Tensor:
    """Return ``value`` with the parameter's strides where both have one shape.

    Fused kernels go through memory, not through indices: with channels last, the averages of a
    file, whose rows come first, would be taken for those of other weights.
    """
    if value.shape != parameter.shape or value.stride() == parameter.stride():
        return value
    return torch.empty_like(parameter, dtype=value.dtype, device=value.device).copy_(value)


def _slots(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]
) -> Iterator[tuple[str, str, Any]]:
    """Yield slot, parameter's name and value of all that the optimiser keeps by parameter."""
    for name, parameter in parameters.items():
        for slot, value in optimizer.state.get(parameter, {}).items():
            yield slot, name, value


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)
