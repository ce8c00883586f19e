"""What georet adapt does, from a map to an encoder that was judged: killed anywhere, it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from georet.config import SMOOTH_RULE
from georet.data.resizing import resize
from georet.encoder import Encoder
from georet.files import replaced_file
from georet.ground.region import Region
from georet.ground.tangent import Tangent
from georet.interrupt import StopRequest
from georet.plugins import Selection
from georet.progress import stage
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling
from georet.train.checkpoint import write_tensors
from georet.types import Bools, Doubles, Ints, Pixels
from georet_ortho.adapting.base import Base, head_of, maps_of
from georet_ortho.adapting.images import (
    SHARES,
    TOLD,
    images_of,
    kept,
    tiles_near,
)
from georet_ortho.adapting.learning import Material, learn
from georet_ortho.adapting.settings import Settings, affordable
from georet_ortho.blocks import Blocks, held_blocks
from georet_ortho.flights import Flights
from georet_ortho.making import Area, Drawn, Plan, draw, take, write_truth
from georet_ortho.relief import Heights
from georet_ortho.scene import Scene

EVERYWHERE: Final = "new photos"
HELD_OUT: Final = "ground held out"
OTHER_CAMERA: Final = "another camera"
MAPS: Final = "maps"
Into = Callable[[Pixels], Tensor]
"""uint8[N, H, W, 3] -> what is kept of them, N rows."""
_RIM: Final = 1.1
"""Training photos look at least so many sides away from ground that is held out."""
_CHUNK: Final = 64
_GOES_ON: Final = "Repeat the same command to go on."


@dataclass(frozen=True)
class Work:
    """The area, what is held out of it, and the photos of each purpose."""

    settings: Settings
    folder: Path
    base: Base
    area: Area
    blocks: Blocks
    stop: StopRequest

    @property
    def plane(self) -> Tangent:
        """The plane in which distances between tiles are measured."""
        return Tangent(*np.median(self.area.tiles.latlon, axis=0).tolist())

    def check(self) -> None:
        """Stop here if that was asked for."""
        self.stop.check("all photos and maps made so far are kept", hint=_GOES_ON)


def open_area(settings: Settings, selection: Selection) -> Area:
    """Open the map and what photos are rendered from."""
    tiling = Tiling(side_m=(settings.side_m,), overlap=settings.overlap, max_nodata=0.05)
    source = open_source(settings.source, tiling, selection=selection)
    scene = Scene.of(source, settings.source)
    photos = scene
    if settings.photos_from is not None:
        other = open_source(settings.photos_from, tiling, selection=selection)
        photos = Scene.of(other, settings.photos_from)
    heights = None if settings.dsm is None else Heights(Path(settings.dsm))
    tiles = source.tiles()
    return Area(source, tiles, scene, photos, settings.side_m, settings.overlap, heights)


def blocks_of(settings: Settings, area: Area) -> Blocks:
    """Return the ground that is held out: what the user names, or blocks drawn by the seed."""
    if settings.held_out is None:
        return held_blocks(area.tiles.latlon, settings.side_m, settings.seed)
    plane = Tangent(*np.median(area.tiles.latlon, axis=0).tolist())
    return Blocks(plane, 1.0, frozenset(), Region.parse(settings.held_out))


def trial(work: Work) -> dict[str, float]:
    """Return seconds for a photo, for a map and for a pair's step, by trying each out."""
    flights = Flights.named(work.settings.camera)
    plan = Plan("trial", 12, flights, work.settings.look, 990_000 + work.settings.seed)
    begun = time.perf_counter()
    photos = draw(work.area, plan)
    taken = [take(work.area, each, work.folder) for each in photos]
    photo_s = (time.perf_counter() - begun) / len(photos)
    side, px = work.area.side_m, work.settings.size
    images = np.stack(
        [
            images_of(TOLD, image, each, side, px)[0]
            for image, each in zip(taken, photos, strict=True)
        ]
    )
    encoder = work.base.fresh(0)
    begun = time.perf_counter()
    maps = maps_of(encoder, images)
    map_s = (time.perf_counter() - begun) / len(images)
    places = np.arange(24, dtype=np.float64).reshape(12, 2) * side
    material = Material(maps, {TOLD: maps}, places, side, {TOLD: 1.0})
    begun = time.perf_counter()
    learn(encoder, material, seed=0, epochs=4)
    return {"photo": photo_s, "map": map_s, "step": (time.perf_counter() - begun) / 48}


def planned(settings: Settings, work: Work) -> Settings:
    """Return the settings with the number of pairs that fits the minutes."""
    if settings.pairs:
        return settings
    return replace(settings, pairs=affordable(settings, trial(work), len(work.area.tiles)))


def photos_of(work: Work) -> tuple[list[Drawn], dict[str, list[Drawn]]]:
    """Return the photos to train on, all over the area, and those that judge, by set."""
    settings, area, blocks = work.settings, work.area, work.blocks
    flights = Flights.named(settings.camera)
    other = Flights.named("action" if settings.camera != "action" else "mapping")
    base = 1_000 * settings.seed

    def held(latlon: Doubles) -> Bools:
        return blocks.is_held(latlon)

    train = Plan("train", settings.pairs, flights, settings.look, base + 1)
    judging: dict[str, tuple[Plan, Callable[[Doubles], Bools] | None]] = {
        EVERYWHERE: (Plan("new", settings.judged, flights, settings.look, base + 2, 320), None),
        HELD_OUT: (Plan("held", settings.judged, flights, settings.look, base + 3, 320), held),
        OTHER_CAMERA: (
            Plan("camera", settings.judged // 2, other, settings.look, base + 4, 320),
            None,
        ),
    }
    sets = {name: draw(area, plan, allowed) for name, (plan, allowed) in judging.items()}
    return draw(area, train), sets


def gallery_of(work: Work, into: Into, prefix: str, px: int) -> Tensor:
    """Return what ``into`` makes of all tiles of the gallery, kept under the prefix."""
    source = work.area.source

    def make() -> Tensor:
        parts, number = [], len(work.area.tiles)
        with stage(number, "tiles") as bar:
            for start in range(0, number, _CHUNK):
                rows = range(start, min(start + _CHUNK, number))
                images = [resize(source.read(row), (px, px), SMOOTH_RULE) for row in rows]
                parts.append(into(np.stack(images)))
                bar.advance(len(images))
                work.check()
        return torch.cat(parts)

    return kept(work.folder / prefix / "tiles.npy", make)


def photos_into(
    work: Work, into: Into, prefix: str, px: int, photos: Sequence[Drawn], kinds: Sequence[str]
) -> dict[str, Tensor]:
    """Return what ``into`` makes of photos, by kind; what is there is not made again."""
    name, side = photos[0].plan.name, work.area.side_m
    paths = {kind: work.folder / prefix / f"{name}-{kind}.npy" for kind in kinds}
    if not all(path.is_file() for path in paths.values()):
        parts: dict[str, list[Tensor]] = {kind: [] for kind in kinds}
        with stage(len(photos), f"photos: {name}") as bar:
            for start in range(0, len(photos), _CHUNK):
                chunk = photos[start : start + _CHUNK]
                taken = [take(work.area, each, work.folder) for each in chunk]
                for kind in kinds:
                    images = [
                        image
                        for photo, each in zip(taken, chunk, strict=True)
                        for image in images_of(kind, photo, each, side, px)
                    ]
                    parts[kind].append(into(np.stack(images)))
                bar.advance(len(chunk))
                work.check()
        for kind, path in paths.items():
            kept(path, partial(torch.cat, parts[kind]))
    return {kind: kept(path, _absent) for kind, path in paths.items()}


def _absent() -> Tensor:
    raise AssertionError("made just now")


def material_of(work: Work, encoder: Encoder, photos: Sequence[Drawn]) -> Material:
    """Return the training pairs' maps."""
    px, folder = work.settings.size, work.folder / MAPS
    maps = photos_into(work, partial(maps_of, encoder), MAPS, px, photos, list(SHARES))
    path, centres_path = folder / "train-tiles.npy", folder / "train-centres.npy"
    if not (path.is_file() and centres_path.is_file()):
        images, centres = tiles_near(work.area, photos, px)
        kept(centres_path, lambda: torch.from_numpy(centres))
        kept(path, lambda: maps_of(encoder, images))
        work.check()
    metres = work.plane.metres(kept(centres_path, _absent).numpy())
    return Material(kept(path, _absent), maps, metres, work.area.side_m, SHARES)


def trained(work: Work, material: Material, rows: Ints, name: str) -> Encoder:
    """Return an encoder trained on some of the pairs; one that is there is not trained again."""
    encoder = work.base.fresh(work.settings.seed)
    path = work.folder / f"head-{name}.safetensors"
    if path.is_file():
        found = load_file(path)
        encoder.log_scale.data = found.pop("log_scale")
        head_of(encoder).load_state_dict(found)
        return encoder
    learn(encoder, material.take(rows), seed=work.settings.seed, tick=work.check)
    own = head_of(encoder).state_dict()
    state = {name: value.detach().contiguous() for name, value in own.items()}
    with replaced_file(path) as temporary:
        write_tensors(temporary, {**state, "log_scale": encoder.log_scale.detach()})
    return encoder


def training_rows(work: Work, photos: Sequence[Drawn]) -> Ints:
    """Return the pairs int64[M] whose photos look well clear of the ground held out."""
    latlon = np.stack([each.shot.latlon for each in photos])
    return np.flatnonzero(work.blocks.is_clear(latlon, _RIM * work.area.side_m))


def note_truth(work: Work, sets: dict[str, list[Drawn]], train: list[Drawn]) -> None:
    """Write the truth of all photos beside them."""
    write_truth(work.folder, [*train, *(p for photos in sets.values() for p in photos)], work.area)
