"""Training a head on maps that are computed once: photos to the tiles that show their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from georet.config import AverageConfig
from georet.encoder import Encoder
from georet.train.optimising.average import Average
from georet.types import Doubles, Ints
from georet_ortho.adapting.base import embedded, head_of
from georet_ortho.adapting.varying import varied

BATCH: Final = 64
EPOCHS: Final = (32, 96)
LEAST_STEPS: Final = 400
"""Few pairs are shown more often, so that there are so many steps; fewer were too short."""
RATE: Final = 2e-3
_DECAY: Final = 0.01
_SAME_PLACE: Final = 0.6
"""Tiles nearer than this share of a side show the same ground: neither right nor wrong."""
_PULLED: Final = 6
_POOL: Final = 32
_POOL_EPOCHS: Final = 3
_FAR_BELOW: Final = -30.0
_AVERAGED: Final = 0.97


@dataclass(frozen=True)
class Material:
    """N pairs: maps float16[N, C, h, w] of tiles, and of their photos, brought north up.

    ``metres`` float64[N, 2] are the tiles' centres in a plane, ``side_m`` their side.
    """

    tiles: Tensor
    photos: Tensor
    metres: Doubles
    side_m: float

    def joined(self, other: Material) -> Material:
        """Return these pairs and others behind them."""
        photos = torch.cat([self.photos, other.photos])
        metres = np.concatenate([self.metres, other.metres])
        return Material(torch.cat([self.tiles, other.tiles]), photos, metres, self.side_m)

    def take(self, rows: Ints) -> Material:
        """Return the pairs of the given rows."""
        at = torch.from_numpy(rows)
        return Material(self.tiles[at], self.photos[at], self.metres[rows], self.side_m)


def epochs_for(number: int) -> int:
    """Return how often so many pairs are shown."""
    return int(np.clip(LEAST_STEPS // max(number // BATCH, 1), *EPOCHS))


def learn(
    encoder: Encoder,
    material: Material,
    *,
    seed: int,
    epochs: int | None = None,
    tick: Callable[[], None] = lambda: None,
) -> float:
    """Train the encoder's head on the material, in place; return the last epoch's loss.

    InfoNCE both ways with a learned scale (van den Oord et al., arXiv 1807.03748). In the first
    epoch a batch gathers neighbours by place, later by likeness, as Sample4Geo does. Pairs are
    ``varied``, and the head ends as the moving average of its weights: what is learnt of one place
    then helps at others. ``tick`` is called after each epoch, and may raise.
    """
    number, loss = len(material.tiles), float("nan")
    rng, batch = np.random.default_rng([seed, 5]), min(BATCH, number)
    if epochs is None:
        epochs = epochs_for(number)
    head = head_of(encoder)
    weights = [*head.parameters(), encoder.log_scale]
    average = Average(head, AverageConfig(decay=_AVERAGED))
    spread = material.tiles.float().std(dim=(0, 2, 3))[:, None, None]
    optimizer = torch.optim.AdamW(weights, RATE, weight_decay=_DECAY)
    steps = epochs * (number // batch)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps + 1, pct_start=0.1
    )
    places = torch.from_numpy(material.metres).float()
    pool = _pool(encoder, material, places, by_place=True)
    for epoch in range(epochs):
        # Likeness changes slowly, and a fresh pool costs a third of an epoch.
        if epoch % _POOL_EPOCHS == 1:
            pool = _pool(encoder, material, places, by_place=False)
        losses = []
        head.train()
        for rows in _batches(pool, batch, rng):
            at = torch.from_numpy(rows)
            photo, tile = varied(material.photos[at], material.tiles[at], spread, rng)
            found = _loss(encoder, photo, tile, places[at], material.side_m)
            optimizer.zero_grad()
            found.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rate.step()
            average.update()
            losses.append(float(found.detach()))
        head.eval()
        loss = float(np.mean(losses))
        tick()
    head.load_state_dict(average.tensors)
    return loss


def _loss(encoder: Encoder, photos: Tensor, tiles: Tensor, places: Tensor, side_m: float) -> Tensor:
    head = head_of(encoder)
    both = F.normalize(head(torch.cat([photos, tiles]), None), dim=1)
    photo, tile = both[: len(photos)], both[len(photos) :]
    logits = photo @ tile.T * encoder.log_scale.exp()
    near = torch.cdist(places, places) < _SAME_PLACE * side_m
    near.fill_diagonal_(fill_value=False)
    logits = logits.masked_fill(near, _FAR_BELOW)
    right = torch.arange(len(photos))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def _pool(encoder: Encoder, material: Material, places: Tensor, *, by_place: bool) -> Ints:
    """Return for each pair the rows int64[N, K] that a batch around it draws from."""
    apart = torch.cdist(places, places)
    if by_place:
        closeness = -apart
    else:
        photos = embedded(encoder, material.photos)
        closeness = photos @ embedded(encoder, material.tiles).T
    closeness = closeness.masked_fill(apart < _SAME_PLACE * material.side_m, -torch.inf)
    return np.asarray(closeness.topk(min(_POOL, len(places) - 1), dim=1).indices.numpy())


def _batches(pool: Ints, size: int, rng: np.random.Generator) -> list[Ints]:
    """Deal all pairs into batches: a pair drawn at random brings some of its pool along."""
    used, batches, batch = np.zeros(len(pool), np.bool_), list[Ints](), list[int]()
    for seed in rng.permutation(len(pool)).tolist():
        if used[seed]:
            continue
        used[seed] = True
        batch.append(seed)
        for other in rng.permutation(pool[seed])[:_PULLED].tolist():
            if not used[other] and len(batch) < size:
                used[other] = True
                batch.append(other)
        if len(batch) >= size:
            batches.append(np.array(batch, np.int64))
            batch = []
    return batches
