"""Writing whole galleries from what is in memory or in other galleries, and reading shards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError, UsageError
from georet.files import replaced_folder, write_atomic
from georet.gallery.files.journal import ShardEntry, shard_name
from georet.gallery.files.manifest import vouch
from georet.gallery.files.parquet import embeddings_at, shard_bytes
from georet.gallery.files.plan import Plan, write_blocks, write_plan
from georet.gallery.files.seal import seal_gallery
from georet.gallery.files.storage import check_storage
from georet.identity import EncoderIdentity
from georet.progress import progress
from georet.search.blocks import block_hashes
from georet.tiles.table import TileTable
from georet.types import Floats, Ints

SHARD_SIZE: Final = 10_000
Thumbnails = Sequence[bytes | None]
RowsOf = Callable[[Ints], tuple[Floats, Thumbnails | None]]
"""rows int64[M] of the table -> embeddings float32[M, D], thumbnails [M] or None."""


def store_shard(
    folder: Path,
    plan: Plan,
    shard: int,
    rows: Ints,
    embeddings: Floats,
    thumbnails: Thumbnails | None,
    bad: Sequence[tuple[int, str]] = (),
) -> ShardEntry:
    """Write the file of a shard, whole or not at all, and return its entry for the journal.

    The hashes of its blocks, by which parts of it are verified, are written before it.

    ``rows`` int64[M] are the readable rows of the plan that it holds.
    """
    storage = plan.settings["storage"]
    content = shard_bytes(rows, plan.tiles.take(rows), embeddings, thumbnails, storage=storage)
    at = embeddings_at(content)
    hashes = block_hashes(content)
    write_blocks(folder, shard_name(shard), hashes)
    write_atomic(folder / shard_name(shard), content)
    return ShardEntry(
        shard,
        **vouch(content),
        rows=len(rows),
        bad=tuple(bad),
        embeddings_at=-1 if at is None else at,
        blocks_sha256=vouch(hashes)["sha256"],
    )


def write_gallery(
    path: Path,
    tiles: TileTable,
    rows_of: RowsOf,
    *,
    encoder: EncoderIdentity,
    source: Mapping[str, Any],
    storage: str = "fp32",
    shard_size: int = SHARD_SIZE,
    encoder_source: Mapping[str, Any] | None = None,
) -> None:
    """Write a complete gallery whose embeddings are known; UsageError where ``path`` exists."""
    check_storage(storage)
    if shard_size < 1:
        raise UsageError(
            f"{shard_size} is too small", where="--shard-size", hint="Give at least 1."
        )
    settings = {
        "source": dict(source),
        "encoder": encoder.as_json(),
        "storage": storage,
        "shard_size": shard_size,
    }
    if path.exists():
        raise UsageError("exists already", where=str(path), hint="Choose another --out.")
    with replaced_folder(path) as folder:
        (folder / "shards").mkdir(parents=True)
        plan = write_plan(folder, tiles, {"settings": settings, "encoder_source": encoder_source})
        written = []
        for shard in progress(range(plan.num_shards), "shards"):
            rows = plan.rows(shard)
            embeddings, thumbnails = rows_of(rows)
            _check(embeddings, (len(rows), encoder.embed_dim), path)
            written.append(store_shard(folder, plan, shard, rows, embeddings, thumbnails))
        seal_gallery(folder, plan, written)


def _check(embeddings: Floats, shape: tuple[int, int], path: Path) -> None:
    if embeddings.shape != shape or embeddings.dtype != np.float32:
        raise DataError(
            f"embeddings are {embeddings.dtype}{list(embeddings.shape)}, "
            f"wanted float32{list(shape)}",
            where=str(path),
        )
    lengths = np.linalg.norm(embeddings, axis=1)
    if not (np.abs(lengths - 1) < 1e-2).all():  # NaN is caught too
        raise DataError("an embedding is not of unit length", where=str(path))
