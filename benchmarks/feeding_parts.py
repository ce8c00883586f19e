"""What the benchmarks of feeding share: machine, results, decoding alone, decoding to a session."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from georet.contracts.running import Session
from georet.data.images import read_image
from georet.embeddings import embed_stream
from georet.feeding.feeder import Feeder
from georet.gallery.making.build import build_gallery
from georet.tiles.table import TileSource, TileTable
from georet.types import Pixels

BATCH = 64
PACKAGES = ("torch", "timm", "numpy", "opencv-python-headless", "simplejpeg", "pillow", "pyarrow")


def until(seconds: float) -> Callable[[], bool]:
    """Return what says whether so many seconds are over."""
    end_s = time.monotonic() + seconds
    return lambda: time.monotonic() >= end_s


def stream(feeder: Feeder, session: Session, num: int, is_over: Callable[[], bool]) -> int:
    """Feed a session with rows of ``num``, again and again, until it is over; return how many."""
    taken, first, done = [], 0, 0

    def batches() -> Iterator[Pixels]:
        nonlocal first
        while True:
            while feeder.has_room and not is_over():
                feeder.put(np.arange(first, first + BATCH) % num, None)
                first += BATCH
            if not feeder.num_pending:
                return
            taken.append(feeder.take(lambda: None))
            yield taken[-1].images

    for rows, is_good in embed_stream(session, batches()):
        assert is_good.all()
        done += len(rows)
        feeder.release(taken.pop(0))
    return done


def decode_alone(feeder: Feeder, each_s: float, num: int) -> dict[str, Any]:
    """Take batches and drop them."""
    first, done = 0, 0
    feeder.put(np.arange(BATCH) % num, None)  # decoders start
    feeder.release(feeder.take(lambda: None))
    is_over, began_s = until(each_s), time.monotonic()
    while not is_over() or feeder.num_pending:
        while feeder.has_room and not is_over():
            feeder.put(np.arange(first, first + BATCH) % num, None)
            first += BATCH
        if feeder.num_pending:
            batch = feeder.take(lambda: None)
            done += len(batch.rows)
            feeder.release(batch)
    return {"tiles_a_second": done / (time.monotonic() - began_s)}


def decode_to_device(feeder: Feeder, each_s: float, session: Session, num: int) -> dict[str, Any]:
    """Feed the session; the first batches are not counted."""
    if hasattr(session, "pin"):
        session.pin(feeder.memory)
    end = iter([False] * 6)
    stream(feeder, session, num, lambda: next(end, True))
    waited_s, busy_s, began_s = feeder.waited_s, _busy_s(session), time.monotonic()
    done = stream(feeder, session, num, until(each_s))
    wall_s = time.monotonic() - began_s
    overlap = getattr(session, "_overlap", None)
    return {
        "tiles_a_second": done / wall_s,
        "device_waits": max(0.0, 1 - (_busy_s(session) - busy_s) / wall_s),
        "session_waited_for_tiles": (feeder.waited_s - waited_s) / wall_s,
        "batches_copied_by_hand": overlap.num_staged if overlap else None,
    }


class Results:
    """One nested JSON; what fails is noted with its traceback, and the rest goes on.

    Nothing is begun after ``limit_s``.
    """

    def __init__(self, path: Path, limit_s: float) -> None:
        self._path, self._limit_s, self.values = path, limit_s, dict[str, Any]()
        self._began_s = time.monotonic()

    def add(self, *keys: str, of: Callable[[], Any]) -> None:
        """Note what a measurement returns, and write all that there is."""
        began_s = time.monotonic()
        try:
            if began_s - self._began_s > self._limit_s:
                raise TimeoutError("left out: no time is left")
            found = of()
        except Exception:
            found = {"error": traceback.format_exc()}
        inner = self.values
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[keys[-1]] = found
        took_s, at_s = time.monotonic() - began_s, time.monotonic() - self._began_s
        print(f"{at_s:6.1f} s  {' '.join(keys)}: {_short(found)}  ({took_s:.1f} s)", flush=True)
        self.values["seconds"] = at_s
        self._path.write_text(json.dumps(self.values, indent=2) + "\n")


def _short(found: Any) -> str:
    if isinstance(found, dict) and "error" in found:
        return f"FAILED: {found['error'].strip().splitlines()[-1]}"
    shown = {k: round(v, 3) if isinstance(v, float) else v for k, v in found.items()}
    return json.dumps(shown)[:300]


def machine(device: str) -> dict[str, Any]:
    """Return date, machine, versions."""
    found: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "device": device,
        "batch": BATCH,
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    if device != "cpu":
        import torch

        properties = torch.cuda.get_device_properties(0)
        found |= {"gpu": properties.name, "gpu_bytes": properties.total_memory}
        found |= {"cuda": torch.version.cuda, "driver": _driver()}
    return found


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")


def _driver() -> str | None:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()


def write_sources(folder: Path, tile_px: int) -> None:
    """Write the same ground as GeoTIFF (JPEG, blocks of 512), PMTiles and a folder of JPEGs."""
    import rasterio
    from pmtiles.tile import Compression, TileType, zxy_to_tileid
    from pmtiles.writer import Writer
    from rasterio.transform import from_origin

    from georet.testing.textured import write_folder

    across = 12
    tiles = write_folder(folder / "tiles", across * across, tile_px)
    paths = sorted(tiles.glob("*/*/*.jpg"), key=lambda p: (int(p.stem), int(p.parts[-2])))
    with (folder / "area.pmtiles").open("wb") as stream:
        writer: Any = Writer(stream)  # type: ignore[no-untyped-call]
        for path in sorted(paths, key=lambda p: zxy_to_tileid(17, int(p.parts[-2]), int(p.stem))):
            number = zxy_to_tileid(17, int(path.parts[-2]), int(path.stem))
            writer.write_tile(number, path.read_bytes())
        header = {"tile_type": TileType.JPEG, "tile_compression": Compression.NONE}
        bounds = {"min_lon_e7": 0, "min_lat_e7": 0, "max_lon_e7": 1, "max_lat_e7": 1}
        writer.finalize({**header, **bounds}, {})
    ground = [read_image(path) for path in paths]
    rows = [np.hstack(ground[first : first + across]) for first in range(0, len(ground), across)]
    pixels = np.vstack(rows).transpose(2, 0, 1)
    # Off the blocks' edges, as windows of another raster would be.
    pixels = np.roll(pixels, (100, 60), axis=(1, 2))
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "crs": "EPSG:32632"}
    packed = {"compress": "JPEG", "photometric": "YCBCR", "jpeg_quality": 85, "tiled": True}
    shape = {"height": pixels.shape[1], "width": pixels.shape[2]}
    blocks = {"blockxsize": 512, "blockysize": 512}
    place = from_origin(5e5, 5.3e6, 0.5, 0.5)
    path = folder / "area.tif"
    with rasterio.open(path, "w", transform=place, **profile, **packed, **shape, **blocks) as out:
        out.write(pixels)


def whole_build(folder: Path, source: TileSource, session: Session, workers: int) -> dict[str, Any]:
    """Build a whole gallery, thumbnails and files included, of as many tiles as take a while."""

    class Opened:
        def open(self) -> Session:
            return session

    said: list[str] = []
    began_s, busy_s, num = time.monotonic(), _busy_s(session), 16 * len(source.tiles())
    out, repeated = folder / f"{workers}.gallery", Repeated(source, 16)
    build_gallery(repeated, Opened(), out, workers=workers, shard_size=2000, say=said.append)
    wall_s = time.monotonic() - began_s
    waits = max(0.0, 1 - (_busy_s(session) - busy_s) / wall_s)
    return {"tiles_a_second": num / wall_s, "device_waits": waits, "said": said}


@dataclass(frozen=True)
class Repeated:
    """The tiles of a source, again and again."""

    source: TileSource
    times: int

    def tiles(self) -> TileTable:
        table = self.source.tiles()
        rows = np.arange(self.times * len(table)) % len(table)
        ids = [f"{table.ids[row]}-{number}" for number, row in enumerate(rows.tolist())]
        return TileTable(ids, table.latlon[rows], table.corners_latlon[rows], table.side_m[rows])

    def read(self, row: int) -> Pixels:
        return self.source.read(row % len(self.source.tiles()))

    def describe(self) -> dict[str, Any]:
        return {**self.source.describe(), "times": self.times}


def _busy_s(session: Session) -> float:
    """Return for how long a session has computed; 0 where it doesn't tell."""
    return float(getattr(session, "busy_s", 0.0))
