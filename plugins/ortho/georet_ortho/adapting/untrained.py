"""What is had without training: the encoder as it is, and plain poolings of its map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from torch import Tensor

from georet.encoder import Encoder
from georet.encoder.branch import unit
from georet.types import QUERY, REFERENCE, Pixels
from georet_ortho.adapting.base import embedded
from georet_ortho.adapting.job import MAPS, Work, gallery_of, photos_into
from georet_ortho.making import Drawn

Embed = Callable[[Tensor], Tensor]
OWN: Final = "own"
AS_IT_IS: Final = "as it is"
_FLOOR: Final = 0.02
_SEVERAL: Final = 2


@dataclass(frozen=True)
class Contender:
    """A way to embed: ``embed`` makes unit-length embeddings of what is kept under ``prefix``.

    ``into`` makes that of images with ``px`` pixels a side.
    """

    name: str
    prefix: str
    px: int
    into: Callable[[Pixels], Tensor]
    embed: Embed

    def tiles(self, work: Work) -> Tensor:
        """Return the gallery's embeddings float32[R, D]."""
        return self.embed(gallery_of(work, self.into, self.prefix, self.px))

    def queries(
        self, work: Work, photos: Sequence[Drawn], kinds: Sequence[str]
    ) -> dict[str, Tensor]:
        """Return the photos' embeddings by kind."""
        found = photos_into(work, self.into, self.prefix, self.px, photos, kinds)
        return {kind: self.embed(values) for kind, values in found.items()}


def on_maps(work: Work, encoder: Encoder, name: str, embed: Embed) -> Contender:
    """Return one that stands on the maps that training uses."""
    return Contender(name, MAPS, work.settings.size, partial(maps_of_frozen, encoder), embed)


def maps_of_frozen(encoder: Encoder, images: Pixels) -> Tensor:
    """Return the trunk's maps."""
    from georet_ortho.adapting.base import maps_of

    return maps_of(encoder, images)


def untrained(work: Work, trunk: Encoder) -> list[Contender]:
    """Return the encoder as it is, and means and generalised means of the map, also whitened."""
    config, encoder = work.base.config, work.base.untrained
    height, _ = config.data.size[REFERENCE]
    same_cut = config.encoder.backbone.options.get("stage") == (
        work.base.adapted_config.encoder.backbone.options.get("stage")
    )
    if same_cut and height == work.settings.size and not encoder.maps(QUERY):
        own = on_maps(work, trunk, AS_IT_IS, partial(embedded, encoder))
    else:
        own = Contender(AS_IT_IS, OWN, height, partial(_embed_own, encoder), _as_kept)
    found = [own]
    for name, pool in (("mean", _mean), ("generalised mean", _gem)):
        found.append(on_maps(work, trunk, name, pool))
        tiles = found[-1].tiles(work)
        if len(tiles) >= _SEVERAL * tiles.shape[1]:
            found.append(on_maps(work, trunk, f"{name}, whitened", _whitened(tiles, pool)))
    return found


def _as_kept(values: Tensor) -> Tensor:
    return values


@torch.inference_mode()
def _embed_own(encoder: Encoder, images: Pixels) -> Tensor:
    return encoder.embed(QUERY, torch.from_numpy(images))


def _mean(maps: Tensor) -> Tensor:
    return unit(maps.float().mean(dim=(2, 3)))


def _gem(maps: Tensor) -> Tensor:
    return unit(maps.float().clamp(min=1e-6).pow(3).mean(dim=(2, 3)).pow(1 / 3))


def _whitened(tiles: Tensor, pool: Embed) -> Embed:
    """Return the pooling behind which tiles are decorrelated (their principal axes, equalised)."""
    mean = tiles.mean(dim=0)
    _, sizes, axes = torch.linalg.svd(tiles - mean, full_matrices=False)
    variance = sizes**2 / len(tiles)
    weight = axes.T / (variance + _FLOOR * variance[0]).sqrt()

    def embed(maps: Tensor) -> Tensor:
        return unit((pool(maps) - mean) @ weight)

    return embed
