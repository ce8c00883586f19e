"""Fetching all tiles of an area: counted first, then several at a time, each kept at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from georet.errors import DataError, UsageError
from georet.ground.region import Region
from georet.ground.wgs84 import HALF_WORLD_M, latlon_of_mercator, mercator_m, tile_bounds_m
from georet.interrupt import StopRequest
from georet.progress import say, stage
from georet.sources.archives.encoded import decode
from georet.types import Ints
from georet_imagery.net import Answer, Client, Transient
from georet_imagery.redact import shown_url
from georet_imagery.store import TileStore

_SAMPLE: Final = 3
_EACH_WAY: Final = 5
"""So many points along each side of a tile tell whether it touches an area."""
_MOST_CELLS: Final = 4_000_000
_KNOWN: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")


@dataclass(frozen=True)
class Limits:
    """How much may be fetched, how fast, and how long is waited."""

    max_requests: int = 20_000
    max_mb: float = 2000.0
    parallel: int = 4
    rate: float = 20.0
    retries: int = 5
    timeout: float = 30.0

    def client(self) -> Client:
        """Return what asks within them."""
        return Client(rate=self.rate, retries=self.retries, timeout_s=self.timeout)

    def check_requests(self, num: int, where: str) -> None:
        """Raise UsageError for too many requests, before the first of them."""
        if num > self.max_requests:
            raise UsageError(
                f"takes {num:,} requests, the limit is {self.max_requests:,}",
                where=where,
                hint=f"A smaller --area, a lower --zoom, or #max_requests={num}.",
            )

    def check_bytes(self, num_bytes: float, where: str) -> None:
        """Raise UsageError for too many bytes."""
        if num_bytes > self.max_mb * 1e6:
            raise UsageError(
                f"takes about {num_bytes / 1e6:,.0f} MB, the limit is {self.max_mb:,.0f} MB",
                where=where,
                hint=f"A smaller --area, a lower --zoom, or #max_mb={num_bytes / 1e6:.0f}.",
            )


def tiles_of(region: Region, zoom: int, where: str) -> Ints:
    """Return x, y int64[R, 2] of the level's tiles that touch a region, by y, then by x."""
    west, south, east, north = region.bounds()
    side, num = 2 * HALF_WORLD_M / 2**zoom, 2**zoom
    low, high = mercator_m(np.array([[south, west], [north, east]]))
    first_x, last_x = (int(np.floor((v + HALF_WORLD_M) / side)) for v in (low[0], high[0]))
    first_y, last_y = (int(np.floor((HALF_WORLD_M - v) / side)) for v in (high[1], low[1]))
    first_y, last_y = max(first_y, 0), min(last_y, num - 1)
    cells = (last_x - first_x + 1) * (last_y - first_y + 1)
    if cells > _MOST_CELLS:
        raise UsageError(
            f"the area has some {cells:,} tiles of zoom {zoom}",
            where=where,
            hint="A smaller --area, or a lower --zoom.",
        )
    x, y = np.meshgrid(np.arange(first_x, last_x + 1), np.arange(first_y, last_y + 1))
    xy = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.int64)
    share = np.linspace(0, 1, _EACH_WAY)
    right, down = (axis.ravel() for axis in np.meshgrid(share, share))
    bounds = tile_bounds_m(zoom, xy)
    points_x = bounds[:, :1] + right * side
    points_y = bounds[:, 3:] - down * side
    latlon = latlon_of_mercator(np.stack([points_x, points_y], axis=-1))
    touches = region.mask(latlon.reshape(-1, 2)).reshape(len(xy), -1).any(axis=1)
    # A region smaller than a tile may lie between the points: then the tiles of its bounds do.
    kept = xy[touches] if touches.any() else xy
    kept[:, 0] %= num
    return np.unique(kept[:, ::-1], axis=0)[:, ::-1]


def fetch_tiles(
    store: TileStore,
    zoom: int,
    xy: Ints,
    address: Callable[[int, int, int], str],
    limits: Limits,
    where: str,
) -> Client:
    """Fetch the tiles x, y int64[R, 2] that the store lacks, and return the client that did it.

    Numbers are printed before it starts: requests at once, bytes after three tiles. Raises
    UsageError above a limit, DataError for what a host sends wrongly in the end, Interrupted on a
    signal; what came so far is kept.
    """
    known = store.known(zoom)
    left = [(x, y) for x, y in xy.tolist() if (x, y) not in known]
    limits.check_requests(len(left), where)
    client = limits.client()
    if not left:
        return client
    say(f"{where}: {len(left):,} requests for tiles of zoom {zoom}, {len(known):,} in the cache")

    def fetch(place: tuple[int, int]) -> tuple[int, int, bytes | None]:
        x, y = place
        url = address(zoom, x, y)
        answer = client.get(url, check=_check_image)
        return x, y, None if answer is None or not answer.content else answer.content

    try:
        sample = [fetch(place) for place in left[:: max(1, len(left) // _SAMPLE)][:_SAMPLE]]
        for x, y, data in sample:
            store.add(zoom, x, y, data)
        store.commit()
        sizes = [len(data or b"") for _, _, data in sample]
        expected = len(left) * sum(sizes) / len(sizes)
        say(f"{where}: about {expected / 1e6:,.1f} MB")
        limits.check_bytes(expected, where)
        rest = [place for place in left if place not in {(x, y) for x, y, _ in sample}]
        with StopRequest() as stop, stage(len(left), "fetching", done=len(sample)) as bar:
            for number, (x, y, data) in enumerate(_each(fetch, rest, limits.parallel)):
                store.add(zoom, x, y, data)
                bar.advance(1)
                if number % 16 == 0:
                    store.commit()
                stop.check("what was fetched is kept", hint="The same command goes on.")
                limits.check_bytes(client.num_bytes, where)
    finally:
        store.commit()
        client.close()
        told = f"{client.num_requests:,} requests, {client.num_bytes / 1e6:,.1f} MB"
        again = f", {client.num_retries:,} of them again" if client.num_retries else ""
        say(f"{where}: {told}{again}")
    return client


def _each(
    fetch: Callable[[tuple[int, int]], tuple[int, int, bytes | None]],
    places: list[tuple[int, int]],
    parallel: int,
) -> Iterator[tuple[int, int, bytes | None]]:
    """Yield what is fetched as it comes, so many at a time."""
    waiting = iter(places)
    with ThreadPoolExecutor(parallel) as pool:
        running: set[Future[tuple[int, int, bytes | None]]] = {
            pool.submit(fetch, place) for place in islice(waiting, 2 * parallel)
        }
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                running |= {pool.submit(fetch, place) for place in islice(waiting, len(done))}
        finally:
            for future in running:
                future.cancel()


def _check_image(answer: Answer) -> None:
    """Raise Transient for half an image, DataError for what is none."""
    content, shown = answer.content, shown_url(answer.url)
    if not content:
        return
    if not content.startswith(_KNOWN):
        kind = answer.headers.get("content-type", "no content type").partition(";")[0]
        start = " ".join(content[:300].decode("utf-8", "replace").split())[:120]
        raise DataError(
            f"sends {kind!r}, which is no PNG, JPEG or WebP: {start!r}",
            where=shown,
            hint="Is the address that of images? A service that refuses says so in such a text.",
        )
    try:
        decode(content, Path("tile"))
    except DataError as error:
        raise Transient(f"sends a damaged image ({error.what})") from error
