"""Reading weights from files without running code from them, and fitting them to a network."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from georet.errors import DataError

TORCH_SUFFIXES = (".pth", ".pt", ".bin")
SUFFIXES = (".safetensors", *TORCH_SUFFIXES)
_NESTED = ("state_dict", "model_state_dict")
_MAX_LISTED = 10


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the named tensors of a ``.safetensors`` or PyTorch file; no code in it is run.

    Raises:
        DataError: The file is missing, damaged, or asks for anything but tensors.
    """
    if not path.is_file():
        raise DataError("the weights file does not exist", where=str(path), hint="Check the path.")
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise _unreadable(path) from error
    _check_size(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL (\S+)", str(error))
        if asked is None:
            raise _unreadable(path) from error
        raise _no_table(path, f"it asks for {asked[1]}, which was not run") from error
    except (RuntimeError, EOFError, KeyError, ValueError, AttributeError, IndexError) as error:
        # torch and pickle raise any of these on bytes that are no checkpoint.
        raise _unreadable(path) from error
    for key in _NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise _no_table(path, f"it holds a {type(content).__name__}")
    for name, value in content.items():
        if not isinstance(value, torch.Tensor):
            raise _no_table(path, f"{name!r} is a {type(value).__name__}")
    return {str(name): value for name, value in content.items()}


def _check_size(path: Path) -> None:
    """Raise DataError for a packed zip: torch packs nothing, so that it could be of any size."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError) as error:
        raise _unreadable(path) from error
    if unpacked > path.stat().st_size:
        raise _unreadable(path)


def without_wrapping(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors of the network alone.

    Checkpoints of Sample4Geo hold the network under ``model.`` beside ``logit_scale``; those saved
    under data parallelism have ``module.`` in front of that.
    """
    inner = dict(tensors)
    for prefix in ("module.", "model."):
        rest = {name: value for name, value in inner.items() if name != "logit_scale"}
        if rest and all(name.startswith(prefix) for name in rest):
            inner = {name.removeprefix(prefix): value for name, value in rest.items()}
    return inner


def fit(
    network: torch.nn.Module,
    tensors: Mapping[str, torch.Tensor],
    *,
    where: str,
    surplus: tuple[str, ...] = (),
) -> None:
    """Copy tensors into a network; each name and shape must fit.

    Names below a prefix in ``surplus`` (a classifier that was removed) may be left over.

    Raises:
        DataError: Something is missing, unknown or of another shape; the first ten are listed.
    """
    own = network.state_dict()
    used = {
        n: t
        for n, t in tensors.items()
        if n in own or not any(n.startswith(f"{prefix}.") for prefix in surplus)
    }
    faults = [f"{name} is missing" for name in own if name not in used]
    faults += [f"{name} is not in the network" for name in used if name not in own]
    faults += [
        f"{name} has shape {tuple(t.shape)}, the network wants {tuple(own[name].shape)}"
        for name, t in used.items()
        if name in own and t.shape != own[name].shape
    ]
    if faults:
        more = f"\n  ... and {len(faults) - _MAX_LISTED} more" if len(faults) > _MAX_LISTED else ""
        raise DataError(
            f"{len(faults)} tensors do not fit:\n  " + "\n  ".join(faults[:_MAX_LISTED]) + more,
            where=where,
            hint="Are these weights of the same timm model, at the same img_size?",
        )
    network.load_state_dict(used)


def _no_table(path: Path, found: str) -> DataError:
    return DataError(
        f"the file is not a plain table of tensors: {found}",
        where=str(path),
        hint="Save only the weights, with torch.save(model.state_dict(), ...) or as .safetensors.",
    )


def _unreadable(path: Path) -> DataError:
    return DataError(
        "the file is damaged or not a weights file",
        where=str(path),
        hint="Copy or download it again; .safetensors and PyTorch's .pth are read.",
    )
