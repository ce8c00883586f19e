"""A small network that tells in which directions of a canvas streets lead, and its training.

What it sees of a direction are the colours above each other there and within 15 degrees on either
side. It knows no absolute direction, so that turning a canvas turns what it says.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from georet.errors import DataError
from georet.files import write_atomic
from georet.types import Doubles, Floats, Pixels
from georet_peng.bearings.bits import BINS
from georet_peng.posing.features import seen_columns

if TYPE_CHECKING:
    import torch

_ROWS, _HIDDEN, _REACH = 32, 48, 3
_SHAPES: Final = {
    "0.weight": (_HIDDEN, 3 * _ROWS, 2 * _REACH + 1),
    "0.bias": (_HIDDEN,),
    "2.weight": (1, _HIDDEN, 1),
    "2.bias": (1,),
}


class Directions:
    """The network; ``__call__`` returns the chance of a street in each of 72 directions."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model.eval()

    def __call__(self, canvas: Pixels) -> Doubles:
        """Return float64[72] from the left border of uint8[H, 2H, 3] on; NaN where it is black."""
        import torch

        profile, seen = profile_of(canvas)
        with torch.inference_mode():
            logits = self.model(torch.from_numpy(profile[None]))[0, 0]
            chances = torch.sigmoid(logits).double().numpy()
        return np.where(seen, chances, np.nan)

    def save(self, path: Path) -> None:
        """Write the weights as safetensors."""
        from safetensors.torch import save

        write_atomic(path, save({k: v.contiguous() for k, v in self.model.state_dict().items()}))

    @classmethod
    def load(cls, path: Path) -> Directions:
        """Read weights; DataError unless they are those of such a network."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        hint = "`georet peng learn` writes such a file."
        try:
            weights = load(Path(path).read_bytes())
        except (OSError, SafetensorError) as error:
            raise DataError("can't be read", where=str(path), hint=hint) from error
        if {name: tuple(value.shape) for name, value in weights.items()} != _SHAPES:
            raise DataError("holds other weights", where=str(path), hint=hint)
        model = _network()
        model.load_state_dict(weights)
        return cls(model)


def profile_of(canvas: Pixels) -> tuple[Floats, Floats]:
    """Return float32[96, 72], the colours of each direction, and which are seen, bool[72].

    The middle two thirds of the rows, each colour less its mean over what is seen, by its standard
    deviation; 0 where nothing is.
    """
    height = canvas.shape[0]
    seen = seen_columns(canvas)
    rows = canvas[height // 6 : height - height // 6]
    small = cv2.resize(rows, (BINS, _ROWS), interpolation=cv2.INTER_AREA).astype(np.float32)
    share = cv2.resize(seen[None].astype(np.float32), (BINS, 1), interpolation=cv2.INTER_AREA)[0]
    is_seen = share > 0.9
    if not is_seen.any():
        return np.zeros((3 * _ROWS, BINS), np.float32), is_seen
    known = small[:, is_seen]
    small = (small - known.mean(axis=(0, 1))) / (known.std(axis=(0, 1)) + 1.0)
    small[:, ~is_seen] = 0
    profile = small.transpose(2, 0, 1).reshape(3 * _ROWS, BINS)
    return np.ascontiguousarray(profile, np.float32), is_seen


def learn(
    canvases: Iterable[Pixels], streets: Floats, *, seed: int = 0, epochs: int = 30
) -> Directions:
    """Return a network trained on N canvases and where their streets lead, bool[N, 72].

    Every visit shows a canvas whole or cut to 180 or 90 degrees, mirrored half of the time. Binary
    cross-entropy over the directions that are seen, Adam, the same for the same seed.
    """
    import torch

    profiles = np.stack([profile_of(canvas)[0] for canvas in canvases])
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    model = _network(generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
    at = np.arange(BINS)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(profiles)), max(1, len(profiles) // 32)):
            shown, wanted = profiles[rows], np.asarray(streets[rows], np.float32)
            if rng.random() < 0.5:
                shown, wanted = shown[:, :, ::-1], wanted[:, ::-1]
            field = rng.choice([BINS, BINS // 2, BINS // 4], (len(rows), 1))
            away = (at[None] - rng.integers(0, BINS, (len(rows), 1))) % BINS
            seen = (away < field).astype(np.float32)
            logits = model(torch.from_numpy(np.ascontiguousarray(shown * seen[:, None])))[:, 0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                logits, torch.from_numpy(wanted.copy()), weight=torch.from_numpy(seen)
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return Directions(model)


def _network(generator: torch.Generator | None = None) -> torch.nn.Module:
    import torch

    model = torch.nn.Sequential(
        torch.nn.Conv1d(
            3 * _ROWS, _HIDDEN, 2 * _REACH + 1, padding=_REACH, padding_mode="circular"
        ),
        torch.nn.ReLU(),
        torch.nn.Conv1d(_HIDDEN, 1, 1),
    )
    if generator is not None:
        with torch.no_grad():
            for name, values in model.named_parameters():
                num = int(np.prod(_SHAPES[name.replace("bias", "weight")][1:]))
                values.copy_((torch.rand(values.shape, generator=generator) * 2 - 1) / num**0.5)
    return model
