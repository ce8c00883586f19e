"""Checkpoints: safetensors and JSON under hashes, written whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from georet.errors import DataError, GeoretError, IntegrityError, UsageError
from georet.files import new_folder, read_object, tidy_temporary, verify, write_json
from georet.run_layout import CHECKPOINTS, FINAL

STATE = "state.json"
LAST, BEST = "last", "best"

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint: its folder, named groups of tensors, and the loop's state."""

    path: Path
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]


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

    A run that trains meanwhile may replace it while it is read; then the new one is read.
    """
    if Path(which).name != which:
        raise UsageError(f"{which!r} is not the name of a checkpoint", hint="last or best")
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
            return _read(run_dir / CHECKPOINTS / name)
        except (GeoretError, OSError):
            if str(read_object(pointer).get("checkpoint", "")) == name:
                raise


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
    return {
        f"{slot}/{name}": value
        for name, parameter in parameters.items()
        for slot, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def load_optimizer(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    tensors: Tensors,
    *,
    where: str,
) -> None:
    """Put the tensors of ``optimizer_tensors`` back."""
    for key, value in tensors.items():
        slot, _, name = key.partition("/")
        if name not in parameters:
            raise DataError(f"the optimiser's state names {name!r}, not trained here", where=where)
        device = value.device if slot == "step" else parameters[name].device
        optimizer.state.setdefault(parameters[name], {})[slot] = value.to(device)
