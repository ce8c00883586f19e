"""The check for re-rankers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from georet.contracts.refining import Tile
from georet.contracts.searching import RerankContext, Reranker
from georet.data.images import read_image
from georet.search.reranking import Reordering, reordering_of
from georet.testing.expect import expect
from georet.testing.refiner_check import drawn_case
from georet.types import Pixels


def check_reranker(make: Callable[[], Reranker], *, finds_place: bool = True) -> None:
    """Raise AssertionError unless the re-rankers that ``make`` returns keep the contract.

    Checked on five made-up tiles, of which the second shows the photo; unless ``finds_place`` is
    false it must come first. Each answer is an order of the candidates, the same one when asked
    again and of another instance; one candidate and none are ordered as well; nothing that is given
    is changed, files included. Noise in place of the photo may be answered by anything but an
    error.
    """
    photo, tiles, _ = drawn_case(0.0, (18, -12))
    with tempfile.TemporaryDirectory(prefix="georet-check-") as name:
        folder = Path(name)
        reranker = make()
        most: Any = reranker.max_candidates
        expect(
            isinstance(most, int) and most > 0,
            f"max_candidates is {most!r}",
            "Say how many candidates you look at, as a number: it bounds the cost of a photo",
        )
        tiles = tiles[:most]
        files = [_write(folder / f"candidate-{t.row}.png", t.patch.image) for t in tiles]
        path = _write(folder / "photo.png", photo)
        before = [file.read_bytes() for file in (path, *files)]

        def answer(asked: Reranker, query: Path, num: int) -> Reordering:
            context = partial(_context, query, tiles[:num])
            return _kept(asked, query, files[:num], context)

        found = answer(reranker, path, len(files))
        if finds_place and most > 1:
            expect(
                found.order[0] == 1,
                f"the order is {found.order.tolist()}, the photo shows candidate 1",
                "Return candidates best first: numpy.argsort sorts the smallest first",
            )
        for again in (answer(reranker, path, len(files)), answer(make(), path, len(files))):
            expect(
                again.order.tolist() == found.order.tolist(),
                f"asked twice, the orders differ: {found.order.tolist()}, {again.order.tolist()}",
                "Seed what draws at random by a constant, and let no photo decide the next answer",
            )
        for num in (1, 0):
            answer(reranker, path, num)
        noise = np.random.default_rng(5).integers(0, 256, photo.shape, dtype=np.uint8)
        answer(reranker, _write(folder / "noise.png", noise), len(files))
        after = [file.read_bytes() for file in (path, *files)]
        expect(after == before, "it changes the files that it is given", "Work on copies")


def _context(query: Path, tiles: Sequence[Tile]) -> RerankContext:
    """Return a context whose embeddings give the scores that the tiles have."""
    axes = np.eye(len(tiles) + 1, dtype=np.float32)
    scores = np.array([tile.score for tile in tiles], np.float32)[:, None]
    embeddings = scores * axes[0] + np.sqrt(1 - scores**2) * axes[1:]
    return RerankContext(query, tiles, axes[0], embeddings, partial(read_image, query))


def _kept(
    reranker: Reranker,
    query: Path,
    files: Sequence[Path],
    context: Callable[[], RerankContext],
) -> Reordering:
    """Return the answer, which must be an order and no error."""
    found = reordering_of(reranker, query, files, context)
    expect(
        not found.failed,
        f"with {len(files)} candidates it raised {found.reason}",
        "Where a photo tells nothing, keep the order: Reranked(None, reason='why')",
    )
    return found


def _write(path: Path, pixels: Pixels) -> Path:
    cv2.imwrite(str(path), np.ascontiguousarray(pixels[:, :, ::-1]))
    return path
