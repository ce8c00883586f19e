"""A gallery pushed to Qdrant's engine, killed on the way, and searched in regions of all sizes.

python benchmarks/search_server.py RUN --json search_server.json

The engine is the real one, in a folder of this machine (qdrant-edge-py); pushes are processes of
their own, killed by SIGKILL at random moments. Tiles are made of the embeddings of the run's own
tiles, each moved in the direction of another, and lie within 85 km of the tile that they are made
of, so that places follow looks; or they lie at each other's places. Queries are photos that the run
judges itself by. Regions are circles that hold exactly such a share of the tiles: around a photo's
place, and around another photo's, elsewhere. Recall is that of the exact 10 best; milliseconds are
processor time of all threads, a photo at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from georet.facade import Gallery
from georet.files import write_json
from georet.gallery.encoders import open_encoder
from georet.gallery.indexes import placed_rows
from georet.geodesy import distance_m
from georet.ground.region import Region
from georet.identity import EncoderIdentity
from georet.photos.known import KnownPhotos, embed_known, open_queries
from georet.search.exact import ExactIndex
from georet.tiles.table import TileTable
from georet.types import QUERY, Bools, Doubles, Floats, Ints
from georet_qdrant.edge import Edge
from georet_qdrant.index import EXACT_BELOW, Qdrant
from georet_qdrant.push import collection_of
from large_galleries import jittered, real_embeddings

SHARES = (1.0, 0.7, 0.5, 0.05, 0.005, 0.0005)
PLANS = {"as it is": EXACT_BELOW, "graph always": 0}
K = 10
SPREAD_LATLON = 0.77
"""Degrees, 85 km: half the distance between OrbitView's tiles."""


def drawn(run: Path, folder: Path, num: int, num_queries: int) -> dict[str, Any]:
    """Return tiles float32[R, D] with places, photos float32[Q, D] with places, in degrees."""
    real, _ = real_embeddings(run, folder)
    gallery = Gallery.open(folder)
    rows = np.arange(num)
    tiles = jittered(real, np.eye(real.shape[1], dtype=np.float32), rows, seed=0)
    near = gallery.tiles.latlon[(rows * 7919) % len(real)]
    offset = np.random.default_rng(9).uniform(-1, 1, (num, 2)) * SPREAD_LATLON
    offset[:, 1] /= np.maximum(0.1, np.cos(np.radians(near[:, 0])))
    known = open_queries(f"run:{run}")
    chosen = np.linspace(0, len(known.paths) - 1, num_queries).astype(np.int64)
    paths, latlon = [known.paths[row] for row in chosen], known.latlon[chosen]
    with closing(open_encoder(gallery, QUERY, source=run)) as session:
        queries, _ = embed_known(KnownPhotos(paths, latlon, known.about), session)
    places = np.clip(near + offset, [-90, -180], [90, 180])
    return {"tiles": tiles, "places": places, "queries": queries, "homes": latlon}


def gallery_of(path: Path, embeddings: Floats, latlon: Doubles) -> Gallery:
    """Write tiles of 100 km at these places as a gallery."""
    around = np.array([[0.4, -0.4], [0.4, 0.4], [-0.4, 0.4], [-0.4, -0.4]])
    ids = [f"t{row:06d}" for row in range(len(latlon))]
    tiles = TileTable(ids, latlon, latlon[:, None] + around, np.full(len(latlon), 1e5))
    encoder = EncoderIdentity(
        weights_sha256="0" * 64,
        view="reference",
        size=(96, 96),
        embed_dim=embeddings.shape[1],
        resize_rule="bilinear-exact",
        precision="fp32",
        backend="torch",
    )
    return Gallery.from_arrays(path, tiles, embeddings, encoder)


def push_with_kills(gallery: Gallery, folder: Path, num_kills: int, seed: int) -> dict[str, Any]:
    """Push by the command line, killed so often; return what was there after each kill."""
    command = [sys.executable, "-m", "georet", "gallery", "push", str(gallery.path)]
    command += ["--to", str(folder), "--json"]
    rng, name = np.random.default_rng(seed), collection_of(placed_rows(gallery))
    held: list[int] = []
    while len(held) < num_kills:
        before = size_of(folder)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while size_of(folder) == before and process.poll() is None:
            time.sleep(0.02)
        time.sleep(float(rng.uniform(0.05, 1.5)))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode != -signal.SIGKILL:
            raise SystemExit("a push ended before it was killed; take more tiles")
        engine = Edge(folder)
        held.append(engine.count(name))
        engine.close()
    began = time.perf_counter()
    last = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    seconds = time.perf_counter() - began
    engine = Edge(folder)
    found = np.sort(np.concatenate(list(engine.ids(name, {}))))
    engine.close()
    return {
        "held_after_kills": held,
        "sent_last": last["sent"],
        "rows_once": bool(np.array_equal(found, np.arange(len(gallery)))),
        "last_push_s": seconds,
    }


def size_of(folder: Path) -> int:
    """Return when the folder was last written, in nanoseconds; 0 if it isn't there."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    try:
        return max((path.stat().st_mtime_ns for path in files), default=0)
    except FileNotFoundError:
        return 0


def region_of(latlon: Doubles, centre: Doubles, share: float) -> tuple[Region | None, Bools]:
    """Return the circle around a place with such a share of the tiles, and which those are."""
    if share >= 1:
        return None, np.ones(len(latlon), np.bool_)
    away = distance_m(latlon, centre)
    num = max(1, round(share * len(away)))
    radius = float(np.partition(away, [num - 1, num])[num - 1 : num + 1].mean())
    region = Region.radius((float(centre[0]), float(centre[1])), radius)
    return region, region.mask(latlon)


def measured(
    index: Qdrant, exact: ExactIndex, queries: Floats, centres: Doubles, latlon: Doubles
) -> list[dict[str, Any]]:
    """Return recall and milliseconds by share; query q is asked around ``centres[q]``."""
    found = []
    for share in SHARES:
        recalls, times, num_short = [], [], 0
        for query, centre in zip(queries, centres, strict=True):
            region, mask = region_of(latlon, centre, share)
            wanted = exact.search(query[None], K, mask)[1][0]
            began = time.process_time()
            if region is None:
                rows = index.search(query[None], K)[1][0]
            else:
                rows = index.search_in(query[None], K, mask, region)[1][0]
            times.append(1000 * (time.process_time() - began))
            recalls.append(len(np.intersect1d(rows, wanted[wanted >= 0])) / (wanted >= 0).sum())
            num_short += int((rows >= 0).sum() < (wanted >= 0).sum())
        found.append(
            {
                "share": share,
                "recall": float(np.mean(recalls)),
                "worst": float(np.min(recalls)),
                "short": num_short,
                "ms": float(np.median(times)),
            }
        )
    return found


def run(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Push and search; return all figures."""
    arrays = drawn(asked.run, folder / "real", asked.num, asked.queries)
    tiles, places, queries, homes = (arrays[n] for n in ("tiles", "places", "queries", "homes"))
    apart: Ints = np.random.default_rng(3).permutation(len(places))
    about = {
        "tiles": list(tiles.shape),
        "queries": len(queries),
        "k": K,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "qdrant_edge": version("qdrant-edge-py"),
    }
    cases: list[dict[str, Any]] = []
    for how, latlon in {"follow looks": places, "ignore looks": places[apart]}.items():
        gallery = gallery_of(folder / f"{how[:6]}.gallery", tiles, latlon)
        kills = asked.kills if how == "follow looks" else 0
        pushed = push_with_kills(gallery, folder / "server", kills, seed=7)
        exact = ExactIndex()
        exact.add(tiles, np.arange(len(tiles)))
        for plan, exact_below in PLANS.items():
            index = Qdrant(url=str(folder / "server"), exact_below=exact_below)
            index.attach(placed_rows(gallery))
            for where, centres in {"near": homes, "elsewhere": homes[::-1]}.items():
                figures = measured(index, exact, queries, centres, latlon)
                cases.append({"places": how, "plan": plan, "where": where, "shares": figures})
                print(*lines(cases[-1:]), sep="\n", flush=True)
        cases[-1]["push"] = pushed
        print(json.dumps(pushed), flush=True)
    return {**about, "cases": cases}


def lines(cases: Sequence[dict[str, Any]]) -> list[str]:
    """Return rows of the table in docs/search.md: recall (worst photo), milliseconds."""
    return [
        " | ".join(
            [
                f"| {case['places']}, {case['where']} | {case['plan']}",
                *(f"{s['recall']:.4f} ({s['worst']:.1f}), {s['ms']:.1f}" for s in case["shares"]),
            ]
        )
        + " |"
        for case in cases
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="whose tiles, photos and encoder are taken")
    parser.add_argument("--num", type=int, default=100_000, help="tiles")
    parser.add_argument("--queries", type=int, default=100, help="photos")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where the figures go")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="georet-server-") as folder:
        found = run(asked, Path(folder))
    print(*lines(found["cases"]), sep="\n")
    if asked.json:
        write_json(asked.json, found)


if __name__ == "__main__":
    main()
