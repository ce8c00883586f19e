"""What georet adapt does, from a map to an encoder that was judged: killed anywhere, it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
from georet.errors import DataError
from georet.files import replaced_file
from georet.ground.region import Region
from georet.ground.tangent import Tangent
from georet.interrupt import StopRequest
from georet.plugins import Selection
from georet.progress import say, stage
from georet.sources.opening import open_source
from georet.sources.rasters.heights import Heights
from georet.tiles.remarks import remarks_of
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling
from georet.train.checkpoint import write_tensors
from georet.types import Bools, Doubles, Ints, Pixels
from georet_ortho.adapting.base import Base, head_of, maps_of
from georet_ortho.adapting.images import SHOWN, images_of, kept, tiles_near
from georet_ortho.adapting.learning import Material, learn
from georet_ortho.adapting.planning import ELSEWHERE, uses_gallery
from georet_ortho.adapting.settings import Settings
from georet_ortho.blocks import Blocks, held_blocks
from georet_ortho.flights import Flights
from georet_ortho.making import Area, Drawn, Plan, draw, take, write_truth
from georet_ortho.scene import Scene

EVERYWHERE: Final = "new photos"
HELD_OUT: Final = "ground held out"
OTHER_CAMERA: Final = "another camera"
MAPS: Final = "maps"
Into = Callable[[Pixels], Tensor]
"""uint8[N, H, W, 3] -> what is kept of them, N rows."""
RIM: Final = 1.1
"""Training photos look at least so many sides away from ground that is held out."""
_CHUNK: Final = 64
_LEAST_CLEAR: Final = 0.08
"""At least such a share of the training photos must keep clear of the ground held out."""
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
    """Open the map and what photos are rendered from, and tell what is remarkable about both."""
    tiling = Tiling(side_m=(settings.side_m,), overlap=settings.overlap, max_nodata=0.05)
    source = _opened(settings.source, tiling, selection)
    scene = Scene.of(source, settings.source)
    photos = scene
    if settings.photos_from is not None:
        other = _opened(settings.photos_from, tiling, selection)
        photos = Scene.of(other, settings.photos_from)
    heights = None if settings.dsm is None else Heights(Path(settings.dsm))
    tiles = source.tiles()
    return Area(source, tiles, scene, photos, settings.side_m, settings.overlap, heights)


def _opened(name: str, tiling: Tiling, selection: Selection) -> TileSource:
    source = open_source(name, tiling, selection=selection)
    for line in remarks_of(source):
        say(line)
    return source


def blocks_of(settings: Settings, area: Area) -> Blocks:
    """Return the ground that is held out: what the user names, or blocks drawn by the seed."""
    if settings.held_out is None:
        return held_blocks(area.tiles.latlon, settings.side_m, settings.seed)
    plane = Tangent(*np.median(area.tiles.latlon, axis=0).tolist())
    return Blocks(plane, 1.0, frozenset(), Region.parse(settings.held_out))


def photos_of(work: Work) -> tuple[list[Drawn], dict[str, list[Drawn]]]:
    """Return the photos to train on, all over the area, and those that judge, by set."""
    settings, area, blocks = work.settings, work.area, work.blocks
    flights = settings.cameras()
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


def elsewhere_of(work: Work, train: Sequence[Drawn]) -> tuple[Ints, list[Drawn]]:
    """Return the rows of the training photos that keep clear of the ground held out, and more.

    More are drawn where these are fewer than 600, or than all. DataError where there is hardly any
    such ground.
    """
    latlon = np.stack([each.shot.latlon for each in train])
    rim_m = RIM * work.area.side_m
    rows = np.flatnonzero(work.blocks.is_clear(latlon, rim_m))
    if len(rows) < _LEAST_CLEAR * len(train):
        raise DataError(
            f"only {len(rows)} of {len(train)} photos keep clear of the ground held out",
            where=work.settings.source,
            hint="Hold out less, or choose smaller tiles.",
        )
    missing = min(len(train), ELSEWHERE) - len(rows)
    if missing <= 0:
        return rows, []
    plan = replace(train[0].plan, name="elsewhere", number=missing, seed=train[0].plan.seed + 500)
    return rows, draw(work.area, plan, partial(work.blocks.is_clear, rim_m=rim_m))


def material_of(work: Work, encoder: Encoder, photos: Sequence[Drawn]) -> Material:
    """Return the maps of training pairs, all of one plan.

    Where the gallery has as many tiles as there are photos, the tiles are its own.
    """
    px, folder, name = work.settings.size, work.folder / MAPS, photos[0].plan.name
    into, side_m = partial(maps_of, encoder), work.area.side_m
    maps = photos_into(work, into, MAPS, px, photos, [SHOWN])[SHOWN]
    if uses_gallery(len(work.area.tiles), len(photos)):
        rows = [drawn.row for drawn in photos]
        metres = work.plane.metres(work.area.tiles.latlon[rows])
        return Material(gallery_of(work, into, MAPS, px)[rows], maps, metres, side_m)
    path, centres_path = folder / f"{name}-tiles.npy", folder / f"{name}-centres.npy"
    if not (path.is_file() and centres_path.is_file()):
        images, centres = tiles_near(work.area, photos, px)
        kept(centres_path, lambda: torch.from_numpy(centres))
        kept(path, lambda: maps_of(encoder, images))
        work.check()
    metres = work.plane.metres(kept(centres_path, _absent).numpy())
    return Material(kept(path, _absent), maps, metres, side_m)


def trained(work: Work, material: Callable[[], Material], name: str) -> Encoder:
    """Return an encoder trained on pairs; one that is there is not trained again."""
    path = _head_file(work, name)
    if not path.is_file():
        encoder = work.base.fresh(work.settings.seed)
        learn(encoder, material(), seed=work.settings.seed, tick=work.check)
        own = head_of(encoder).state_dict()
        state = {name: value.detach().contiguous() for name, value in own.items()}
        with replaced_file(path) as temporary:
            write_tensors(temporary, {**state, "log_scale": encoder.log_scale.detach()})
    return read_head(work, name)


def read_head(work: Work, name: str) -> Encoder:
    """Return the encoder that ``trained`` kept under a name."""
    encoder = work.base.fresh(work.settings.seed)
    found = load_file(_head_file(work, name))
    encoder.log_scale.data = found.pop("log_scale")
    head_of(encoder).load_state_dict(found)
    return encoder


def _head_file(work: Work, name: str) -> Path:
    return work.folder / f"head-{name}.safetensors"


def note_truth(work: Work, plans: Iterable[Sequence[Drawn]]) -> None:
    """Write the truth of all photos beside them."""
    write_truth(work.folder, [drawn for photos in plans for drawn in photos], work.area)
