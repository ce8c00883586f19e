"""A world gallery of 1e5 OrbitView tiles: the places' own, and more between them, embedded.

python benchmarks/orbitview_dense.py RUN --out dense.npz
python benchmarks/orbitview_dense.py RUN --out dense.npz --num 20000

Row r of the gallery lies near place r % 5048; its first tile is the place's own, the others are
drawn evenly from the cell of 170 km around it, so that they show what no stored tile shows. The
queries are the run's held-out photos. Parts are kept beside the file until it is whole, so that the
same call goes on after a stop.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from georet.cache import cache_dir
from georet.contracts.running import Session
from georet.data.images import read_image
from georet.files import replacing
from georet.progress import progress
from georet.sessions import SessionSpec
from georet.tiles.table import TileTable
from georet.types import Doubles, Floats, Pixels
from georet_orbitview.camera import TILE_SIDE_M
from georet_orbitview.dataset import OrbitView
from georet_orbitview.grid import STEP_M
from georet_orbitview.render import render_tile
from georet_orbitview.sources import texture
from georet_orbitview.world import PHOTO_SOURCE, World

M_PER_DEGREE = 111_200.0
PART = 2000


@dataclass(frozen=True)
class DenseWorld:
    """A source of ``num`` tiles of ``px`` x ``px`` pixels around OrbitView's places."""

    num: int
    px: int = 96
    seed: int = 0

    @cached_property
    def latlon(self) -> Doubles:
        """The tiles' centres float64[R, 2]."""
        own = World(Path()).latlon
        rows = np.arange(self.num)
        rng = np.random.default_rng([0xDE45E, self.seed])
        offset = rng.uniform(-0.5, 0.5, (self.num, 2)) * STEP_M["full"] / M_PER_DEGREE
        offset[: len(own)] = 0
        latlon = own[rows % len(own)] + offset / _shrink(own[rows % len(own), 0])
        latlon[:, 1] = (latlon[:, 1] + 180) % 360 - 180
        return latlon

    @cached_property
    def texture(self) -> Pixels:
        """The world map uint8[H, 2H, 3]."""
        return texture(PHOTO_SOURCE)

    def tiles(self) -> TileTable:
        """Return all tiles; corners are those of a square of the tiles' side around the centre."""
        half = TILE_SIDE_M / 2 / M_PER_DEGREE / _shrink(self.latlon[:, 0])
        signs = np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]])
        corners = self.latlon[:, None] + signs * half[:, None]
        ids = [f"t{row:06d}" for row in range(self.num)]
        return TileTable(ids, self.latlon, corners, np.full(self.num, TILE_SIDE_M))

    def read(self, row: int) -> Pixels:
        """Return one tile uint8[px, px, 3]."""
        return render_tile(self.texture, self.latlon[row], self.px)

    def describe(self) -> dict[str, Any]:
        """Return what decides the tiles."""
        return {"source": "dense OrbitView", "num": self.num, "px": self.px, "seed": self.seed}


def _shrink(lat: Doubles) -> Doubles:
    """Return float64[M, 2]: a degree's length north and east, in those at the equator."""
    return np.stack([np.ones(len(lat)), np.cos(np.radians(lat))], axis=1)


def embed_tiles(source: DenseWorld, session: Session, part_dir: Path) -> Floats:
    """Return float32[R, D]; parts that are there already are read."""
    part_dir.mkdir(parents=True, exist_ok=True)
    starts = range(0, source.num, PART)
    for start in progress(starts, "embedding tiles"):
        path = part_dir / f"{start:07d}.npy"
        if not path.exists():
            rows = range(start, min(start + PART, source.num))
            embeddings = session.embed(np.stack([source.read(row) for row in rows]))
            with replacing(path, "wb") as stream:
                np.save(stream, embeddings)
    return np.concatenate([np.load(part_dir / f"{start:07d}.npy") for start in starts])


def embed_queries(session: Session, px: int) -> tuple[Floats, Doubles]:
    """Return the held-out photos' embeddings float32[Q, D] and positions float64[Q, 2]."""
    photos = OrbitView(px=px, cache_dir=cache_dir() / "orbitview").evaluations()["cross"].queries
    assert photos.latlon is not None
    images = [
        read_image(path, size=(px, px), rule=session.identity.resize_rule) for path in photos.paths
    ]
    return session.embed(np.stack(images)), photos.latlon


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the run whose encoder embeds")
    parser.add_argument("--out", type=Path, required=True, help="the .npz to write")
    parser.add_argument("--num", type=int, default=100_000, help="tiles")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    session = SessionSpec(asked.run, view="reference").open()
    source = DenseWorld(asked.num, session.identity.size[0])
    part_dir = asked.out.with_suffix(".parts")
    tiles = embed_tiles(source, session, part_dir)
    query, query_latlon = embed_queries(SessionSpec(asked.run).open(), source.px)
    np.savez(
        asked.out, query=query, tiles=tiles, query_latlon=query_latlon, tile_latlon=source.latlon
    )
    shutil.rmtree(part_dir)
    print(f"{asked.out}: {len(tiles)} tiles, {len(query)} queries, {tiles.shape[1]} dimensions")


if __name__ == "__main__":
    main()
