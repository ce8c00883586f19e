"""Random numbers of the forward pass, drawn by pair: dropout and stochastic depth.

Each is a function of (seed, epoch, step, slot of the batch, view, which draw it is, place in it).
So a mask is the same whether a batch passes the network whole, in chunks, or in shares on several
ranks, and a resume finds it again. Numbers come from a counter, by the finaliser of SplitMix64
(Steele, Lea and Flood, OOPSLA 2014), which needs no state.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from georet.types import Batch, Ints

_GAMMA, _FIRST, _SECOND = (
    int(np.uint64(value).astype(np.int64))
    for value in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
_DRAWS: Final = 1 << 40
"""Numbers that one draw may take for one pair."""


class DrawsByPair(TorchFunctionMode):
    """While entered, what draws random numbers for B rows draws them for each row by its key.

    That holds for dropout of single values and of whole channels, ``Tensor.bernoulli_``,
    ``Tensor.uniform_`` and ``torch.rand_like``. A tensor whose first dimension is no multiple of B
    gets the same numbers for any B. What else draws takes them from torch's generator, as ever.
    """

    def __init__(self, keys: Ints, device: torch.device) -> None:
        super().__init__()
        self._keys = torch.from_numpy(keys).to(device)
        self.num_draws = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Any = None,
    ) -> Any:
        drawn = _DRAWN.get(func)
        found = None if drawn is None else drawn(self, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {})) if found is None else found

    def uniform(self, like: Tensor, shape: Sequence[int]) -> Tensor:
        """Return float32 in 0..1, 1 excluded, on the device of ``like``."""
        num, rows = math.prod(shape), len(self._keys)
        by_row = bool(shape) and rows > 0 and shape[0] % rows == 0
        keys = self._keys.to(like.device)[:, None] if by_row else torch.zeros_like(self._keys)[:1]
        each = torch.arange(num // rows if by_row else num, device=like.device)
        bits = _mixed(keys + (each + self.num_draws * _DRAWS) * _GAMMA)
        self.num_draws += 1
        return (_shifted(bits, 40).float() / 2**24).view(*shape)


def keys_of(seed: int, batch: Batch, view: str, slots: Ints) -> Ints:
    """Return the key int64[n] of each of a batch's ``slots``."""
    start = hashlib.sha256(f"{seed}/{batch.epoch}/{batch.step}/{view}/".encode())
    found = np.empty(len(slots), np.int64)
    for place, slot in enumerate(slots.tolist()):
        own = start.copy()
        own.update(str(slot).encode())
        found[place] = int.from_bytes(own.digest()[:8], "big", signed=True)
    return found


def generators(device: torch.device) -> list[Tensor]:
    """Return the states of torch's generators, to be compared: whether anything was drawn."""
    states = [torch.random.get_rng_state()]
    if device.type != "cpu":
        states.append(getattr(torch, device.type).get_rng_state())
    return states


def _mixed(bits: Tensor) -> Tensor:
    bits = (bits ^ _shifted(bits, 30)) * _FIRST
    bits = (bits ^ _shifted(bits, 27)) * _SECOND
    return bits ^ _shifted(bits, 31)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """Shift int64 to the right as if it had no sign."""
    return (bits >> by) & ((1 << (64 - by)) - 1)


def _dropout(
    draws: DrawsByPair,
    x: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    channels: bool = False,
) -> Tensor | None:
    if not training or not 0 < p < 1:
        return None
    shape = [*x.shape[:2], *[1] * (x.ndim - 2)] if channels else list(x.shape)
    mask = (draws.uniform(x, shape) >= p).to(x.dtype) / (1 - p)
    return x.mul_(mask) if inplace else x * mask


def _channels(draws: DrawsByPair, *args: Any, **options: Any) -> Tensor | None:
    return _dropout(draws, *args, channels=True, **options)


def _bernoulli(
    draws: DrawsByPair, x: Tensor, p: Any = 0.5, *, generator: Any = None
) -> Tensor | None:
    if generator is not None:
        return None
    return x.copy_(draws.uniform(x, x.shape) < p)


def _uniform(
    draws: DrawsByPair, x: Tensor, low: float = 0.0, high: float = 1.0, *, generator: Any = None
) -> Tensor | None:
    if generator is not None:
        return None
    return x.copy_(draws.uniform(x, x.shape) * (high - low) + low)


def _rand_like(draws: DrawsByPair, x: Tensor, **options: Any) -> Tensor | None:
    if set(options) - {"dtype"}:
        return None
    return draws.uniform(x, x.shape).to(options.get("dtype") or x.dtype)


_DRAWN: Final[dict[Any, Callable[..., Tensor | None]]] = {
    F.dropout: _dropout,
    F.dropout1d: _channels,
    F.dropout2d: _channels,
    F.dropout3d: _channels,
    Tensor.bernoulli_: _bernoulli,
    Tensor.uniform_: _uniform,
    torch.rand_like: _rand_like,
}
