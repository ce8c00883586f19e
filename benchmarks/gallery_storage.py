"""What fp16 and int8 storage cost in recall and save in bytes, on a run's own evaluation set.

    python benchmarks/gallery_storage.py RUN GALLERY --set cross

GALLERY is built from ``run:RUN:SET`` in fp32, so that its rows are the set's.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from georet.contracts.running import Session
from georet.data.images import read_image
from georet.facade import Gallery
from georet.gallery.files.storage import STORAGES
from georet.gallery.making.merge import merge_galleries
from georet.run_layout import CONFIG
from georet.train.run import reconfigure
from georet.train.setup import make_dataset
from georet.types import EvaluationSet, Floats, Ints

BATCH = 64


def evaluation_set(run_dir: Path, name: str) -> EvaluationSet:
    """Return a run's evaluation set of that name."""
    config, plugins = reconfigure(run_dir / CONFIG)
    return make_dataset(config, plugins).evaluations()[name]


def embed(paths: list[Path], session: Session) -> Floats:
    """Return the embeddings float32[Q, D] of the photos."""
    size, rule, parts = session.identity.size, session.identity.resize_rule, []
    for start in range(0, len(paths), BATCH):
        images = [read_image(p, size=size, rule=rule) for p in paths[start : start + BATCH]]
        parts.append(session.embed(np.stack(images)))
    return np.concatenate(parts)


def recall(top: Ints, positives: Ints, k: int) -> float:
    """Return the share in percent of queries whose positive is among the first k."""
    return 100 * float((top[:, :k] == positives[:, :1]).any(axis=1).mean())


def main() -> None:
    """Print a table: recall, agreement with fp32, and bytes a tile without thumbnails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--set", default="cross")
    arguments = parser.parse_args()
    chosen, whole = evaluation_set(arguments.run, arguments.set), Gallery.open(arguments.gallery)
    if list(chosen.gallery.ids) != list(whole.tiles.ids):
        raise SystemExit("the gallery's rows are not those of the set")
    queries = embed(list(chosen.queries.paths), whole.session())
    positives = np.array([np.atleast_1d(row)[:1] for row in chosen.positives], np.int64)
    exact = whole.index().search(queries, k=10)[1]
    print("| storage | R@1 | R@10 | same first tile | bytes a value |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for storage in STORAGES:
            out = merge_galleries([whole.path], Path(folder) / storage, storage=storage)
            top = Gallery.open(out).index().search(queries, k=10)[1]
            same = 100 * float((top[:, 0] == exact[:, 0]).mean())
            width = {"fp32": 4, "fp16": 2, "int8": 1}[storage]
            print(
                f"| {storage} | {recall(top, positives, 1):.2f} | {recall(top, positives, 10):.2f}"
                f" | {same:.2f} % | {width} |"
            )
    print(f"\n{len(queries):,} queries, {len(whole):,} tiles, {whole.encoder.embed_dim}-d")


if __name__ == "__main__":
    main()
