"""The memory that photos take while they are decoded is lent, and never more than there is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from georet.data.decoding import decoding_bytes
from georet.data.images import MAX_PIXELS
from georet.locate import Locator
from georet.serve.access import Access
from georet.serve.app import make_app
from georet.serve.budget import Budget
from georet.serve.site import Site
from georet.serve.upload import RefusedError
from georet.testing.pixel_session import PixelSession

SIDE = 3000


def encoded(kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    Image.fromarray(np.zeros((SIDE, SIDE, 3), np.uint8)).save(buffer, kind, **options)
    return buffer.getvalue()


def deep_png() -> bytes:
    buffer = BytesIO()
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint16)).save(buffer, "PNG")
    return buffer.getvalue()


FILES = {
    "JPEG": lambda: encoded("JPEG"),
    "progressive JPEG": lambda: encoded("JPEG", progressive=True, subsampling=0),
    "PNG": lambda: encoded("PNG"),
    "PNG of 16 bits": deep_png,
    "TIFF": lambda: encoded("TIFF"),
    "WebP": lambda: encoded("WEBP"),
    "AVIF": lambda: encoded("AVIF"),
    "BMP": lambda: encoded("BMP"),
}
MEASURE = """
import resource, sys
from pathlib import Path
from georet.data.images import read_image
path, small = Path(sys.argv[1]), Path(sys.argv[2])
read_image(small)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_image(path)
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


@pytest.mark.parametrize("kind", FILES)
def test_decoding_takes_no_more_memory_than_is_said(tmp_path: Path, kind: str) -> None:
    path, small = tmp_path / "photo", tmp_path / "small"
    path.write_bytes(FILES[kind]())
    with Image.open(path) as image:
        Image.new(image.mode, (8, 8)).save(small, image.format)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), str(small)], capture_output=True, check=True
    )
    said = decoding_bytes(path, MAX_PIXELS)
    # Allocators keep some pages; a tenth and 8 MB are theirs.
    assert int(done.stdout) < 1.1 * said + 8_000_000
    assert said < 20 * SIDE * SIDE


def test_what_the_header_refuses_asks_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encoded("PNG"))
    assert decoding_bytes(path, 1000) == 0
    path.write_bytes(b"no photo")
    assert decoding_bytes(path, MAX_PIXELS) == 0


def test_shares_wait_in_turn_and_never_exceed_the_budget() -> None:
    budget, most, order = Budget(100), [0], []

    async def one(number: int, size: int) -> None:
        async with budget.share(size):
            order.append(number)
            most[0] = max(most[0], budget.total - budget.free)
            assert budget.free >= 0
            await asyncio.sleep(0)

    async def several() -> None:
        await asyncio.gather(*(one(n, s) for n, s in enumerate([60, 60, 30, 100, 1, 40, 60])))

    asyncio.run(several())
    assert order == list(range(7))
    assert 60 <= most[0] <= 100
    assert budget.free == 100


def test_who_gives_up_waiting_holds_nothing() -> None:
    budget = Budget(10)

    async def hold(size: int) -> None:
        async with budget.share(size):
            await asyncio.sleep(3600)

    async def scene() -> None:
        tasks = [asyncio.create_task(hold(size)) for size in (10, 8, 2)]
        await asyncio.sleep(0)
        for task in (tasks[1], tasks[0], tasks[2]):
            task.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    asyncio.run(scene())
    assert budget.free == 10


def test_more_than_there_ever_is_is_refused_in_words() -> None:
    async def ask() -> None:
        async with Budget(10_000_000).share(20_000_000):
            raise AssertionError

    with pytest.raises(RefusedError, match=r"takes 20\.0 MB of memory") as caught:
        asyncio.run(ask())
    assert caught.value.refusal.status == 413
    assert "--memory" in caught.value.refusal.hint


def test_a_server_answers_a_photo_that_needs_more_than_it_lends(land) -> None:
    locator = Locator(land.gallery, PixelSession())
    site = Site(land.gallery, locator, name="land", decoding_bytes=30_000_000)
    with TestClient(
        make_app(site, Access("127.0.0.1", None, "m")), base_url="http://127.0.0.1"
    ) as client:
        asked = {"headers": {"Content-Type": "image/png"}}
        big = client.post("/api/locate", content=encoded("PNG"), **asked)
        assert big.status_code == 413
        assert "of memory to decode" in big.json()["error"]
        photo = land.photo_file(land.place(20), "small.jpg").read_bytes()
        assert client.post("/api/locate", content=photo, **asked).status_code == 200


def test_sixteen_large_photos_at_once_stay_within_the_budget(land, tmp_path, monkeypatch) -> None:
    largest, now = [0], [0]
    path = tmp_path / "photo.png"
    path.write_bytes(encoded("PNG"))
    size = decoding_bytes(path, MAX_PIXELS)
    site = Site(
        land.gallery, Locator(land.gallery, PixelSession()), name="l", decoding_bytes=2 * size
    )
    inner = site.locate

    def counted(*given: object) -> object:
        now[0] += size
        largest[0] = max(largest[0], now[0])
        try:
            return inner(*given)
        finally:
            now[0] -= size

    monkeypatch.setattr(site, "locate", counted)
    monkeypatch.setattr("georet.serve.app.num_cores", lambda: 16)
    app = make_app(site, Access("127.0.0.1", None, "m"))
    with TestClient(app, base_url="http://127.0.0.1") as client:

        def post(_: int) -> int:
            return client.post(
                "/api/locate", content=path.read_bytes(), headers={"Content-Type": "image/png"}
            ).status_code

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(post, range(16))) == {200}
    assert 0 < largest[0] <= 2 * size
