"""One memory for all trainings of a process, and for the next process: what frozen trunks make.

What a wholly frozen trunk makes of an image is a function of its weights and of the pixels
(``georet_sample4geo.remembered``), so trainings that differ in what stands behind it may share it.
Here images that judge are remembered too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar
from weakref import WeakKeyDictionary

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from georet_sample4geo import remembered
from georet_sample4geo.remembered import Remembered


class Shared(Remembered):
    """Remembers for all networks whose trunks have the same weights."""

    always = True
    by_trunk: ClassVar[dict[str, dict[bytes, Tensor]]] = {}
    known: ClassVar[WeakKeyDictionary[nn.Module, str]] = WeakKeyDictionary()

    def __call__(self, trunk: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        assert isinstance(trunk, nn.Module)
        name = self.known.get(trunk) or self.known.setdefault(trunk, _hash(trunk))
        self._kept = self.by_trunk.setdefault(name, {})
        return super().__call__(trunk, images)


def share(folder: Path) -> None:
    """Let networks made from now on share what was remembered below ``folder``."""
    vars(remembered)["Remembered"] = Shared
    for path in sorted(folder.glob("*.safetensors")):
        rows = load_file(path)
        kept = Shared.by_trunk.setdefault(path.name.split("-")[0], {})
        keys = rows.pop("keys").numpy()
        names = sorted(rows)
        start = 0
        for name in names:
            for key, row in zip(keys[start:], rows[name], strict=False):
                kept[key.tobytes()] = row
            start += len(rows[name])


def keep(folder: Path) -> None:
    """Write what is remembered below ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, kept in Shared.by_trunk.items():
        by_shape: dict[str, list[bytes]] = {}
        for key, row in kept.items():
            by_shape.setdefault("x".join(map(str, row.shape)), []).append(key)
        names = sorted(by_shape)
        rows = {shape: torch.stack([kept[key] for key in by_shape[shape]]) for shape in names}
        ordered = b"".join(key for shape in names for key in by_shape[shape])
        keys = torch.frombuffer(bytearray(ordered), dtype=torch.uint8).reshape(-1, 16)
        part = folder / f"{name}.part"
        save_file({shape: r.contiguous() for shape, r in rows.items()} | {"keys": keys}, part)
        part.replace(folder / f"{name}-maps.safetensors")


def size() -> int:
    """Return how many images are remembered."""
    return sum(map(len, Shared.by_trunk.values()))


def _hash(trunk: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in trunk.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()[:16]
