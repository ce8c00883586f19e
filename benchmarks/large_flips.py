"""Flips single bits of a gallery that stays on disk: refused where touched, found elsewhere.

    python benchmarks/large_galleries.py RUN --out DIR --sizes 1000000
    python benchmarks/large_flips.py DIR/1000000.gallery --json flips.json

Half of the flips hit a tile that the query's answer needs: locating must be refused by the names
of file and block. The others hit bytes of shards anywhere: where the query does not touch them its
answer must be the one of the whole gallery, and `georet verify` must name the file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from georet.errors import IntegrityError
from georet.facade import Gallery
from georet.files import write_json
from georet.gallery.verify import verify_gallery
from georet.locate import Locator
from georet.search.blocks import BLOCK
from georet.types import Floats, Ints
from large_galleries import QUERIES, Given

AT_ONCE = 4
INDEXES = ("sign_bits", "faiss_ivf_pq")
WIDTHS = {"fp32": 4, "fp16": 2, "int8": 1}


def flip(path: Path, at: int, bit: int) -> None:
    """Change one bit of a file, where it stands."""
    with path.open("r+b") as stream:
        stream.seek(at)
        byte = stream.read(1)[0]
        stream.seek(at)
        stream.write(bytes([byte ^ (1 << bit)]))


def ask(folder: Path, queries: Floats, number: int, index: str) -> list[str]:
    """Open the gallery and locate by one query; return the candidates' ids."""
    gallery = Gallery.open(folder)
    locator = Locator(gallery, Given(gallery.encoder, queries), index=index, with_heat=False)
    image = np.full((8, 8, 3), number, np.uint8)
    return [one.id for one in locator.locate([image])[0].candidates]


class Target:
    """A gallery, and where the values of its rows lie."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.gallery = folder, Gallery.open(folder)
        self.queries: Floats = np.load(folder.parent / "queries.npy")
        self.shards = self.gallery.manifest["shards"]
        self.starts = np.cumsum([0, *(int(shard["rows"]) for shard in self.shards)])
        storage = self.gallery.manifest["settings"]["storage"]
        self.row_bytes = WIDTHS[storage] * self.gallery.encoder.embed_dim
        self.found: dict[str, Ints] = {
            name: self.gallery.index(name).search(self.queries, 1000)[1] for name in INDEXES
        }
        self.answers = {
            (name, number): ask(folder, self.queries, number, name)
            for name in INDEXES
            for number in range(QUERIES)
        }

    def of_row(self, row: int, rng: np.random.Generator) -> tuple[Path, int]:
        """Return file and place of one of the bytes of a row's embedding."""
        shard = int(np.searchsorted(self.starts, row, side="right") - 1)
        entry = self.shards[shard]
        first = entry["embeddings_at"] + (row - int(self.starts[shard])) * self.row_bytes
        return self.folder / entry["file"], first + int(rng.integers(self.row_bytes))

    def anywhere(self, rng: np.random.Generator) -> tuple[Path, int]:
        """Return file and place of any byte of the shards."""
        path = self.folder / self.shards[int(rng.integers(len(self.shards)))]["file"]
        return path, int(rng.integers(path.stat().st_size))


def answered(target: Target, index: str, query: int, path: Path, at: int) -> dict[str, Any]:
    """Ask after a flip, and return whether it was refused, rightly, or answered as before."""
    try:
        found = ask(target.folder, target.queries, query, index)
        return {"refused": False, "same answer": found == target.answers[index, query]}
    except IntegrityError as error:
        is_named = str(path) in str(error) and f"block {at // BLOCK}," in str(error)
        return {"refused": True, "named": is_named}


def aimed(target: Target, number: int, rng: np.random.Generator) -> dict[str, Any]:
    """Flip a bit of what a query's answer needs, ask, and flip it back."""
    index, query, bit = INDEXES[number % 2], int(rng.integers(QUERIES)), int(rng.integers(8))
    path, at = target.of_row(int(rng.choice(target.found[index][query])), rng)
    flip(path, at, bit)
    try:
        said = answered(target, index, query, path, at)
    finally:
        flip(path, at, bit)
    return {"file": path.name, "byte": at, **said, "right": said.get("named", False)}


def anywhere(target: Target, num: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Flip bits of so many files, ask after each, verify once, and flip them back."""
    flips: dict[Path, tuple[int, int]] = {}
    found = []
    try:
        while len(flips) < num:
            path, at = target.anywhere(rng)
            if path in flips:
                continue
            index, query = INDEXES[len(flips) % 2], int(rng.integers(QUERIES))
            flips[path] = at, int(rng.integers(8))
            flip(path, *flips[path])
            found.append({"file": path.name, "byte": at})
            found[-1] |= answered(target, index, query, path, at)
        faults = verify_gallery(target.folder).faults
    finally:
        for path, place in flips.items():
            flip(path, *place)
    for said, path in zip(found, flips, strict=True):
        said["found by verify"] = sum(str(path) in fault for fault in faults) == 1
        # A query may touch any of the files that are damaged at the time.
        is_answer_right = said["refused"] or said["same answer"]
        said["right"] = said["found by verify"] and is_answer_right and len(faults) == num
    return found


def main() -> None:
    """Flip, print what went wrong, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--num", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    began_s = time.monotonic()
    target = Target(arguments.gallery)
    rng = np.random.default_rng(arguments.seed)
    half = arguments.num // 2
    hit = [aimed(target, number, rng) for number in range(half)]
    others: list[dict[str, Any]] = []
    while len(others) < arguments.num - half:
        others += anywhere(target, min(AT_ONCE, arguments.num - half - len(others)), rng)
    for each in [*hit, *others]:
        if not each["right"]:
            print(json.dumps(each))
    totals = {
        "tiles": len(target.gallery),
        "bytes": sum(p.stat().st_size for p in arguments.gallery.rglob("*") if p.is_file()),
        "flips": len(hit) + len(others),
        "in what the query needs": len(hit),
        "refused by the names of file and block": sum(each.get("named", False) for each in hit),
        "anywhere": len(others),
        "met by the query all the same, and refused": sum(each["refused"] for each in others),
        "named by verify": sum(each["found by verify"] for each in others),
        "right": sum(each["right"] for each in [*hit, *others]),
    }
    print(json.dumps(totals))
    if arguments.json:
        write_json(arguments.json, {**totals, "seconds": time.monotonic() - began_s})
    sys.exit(totals["right"] < totals["flips"])


if __name__ == "__main__":
    main()
