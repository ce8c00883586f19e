"""Measures decode -> device on this machine's GPU, and writes one JSON.

    python benchmarks/feeding_gpu.py --out feeding_gpu.json
    python benchmarks/feeding_gpu.py --device cpu --quick --out /tmp/quick.json

It draws its own tiles (JPEG of 512 pixels, quality 85, as a folder and as MBTiles) and builds its
own networks, untrained: nothing is fetched. For 1, 2, 4, 8 and 16 decoders it tells how many tiles
a second they decode by themselves, how many are embedded, and for which share of the time the
device had nothing to compute (its own clock, CUDA events, against the wall clock).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from feeding_parts import (
    BATCH,
    Results,
    decode_alone,
    decode_to_device,
    machine,
    until,
    whole_build,
)
from georet.config import RunConfig
from georet.contracts.training import Backbone
from georet.embeddings import held_by
from georet.feeding.feeder import PoolFeeder
from georet.gallery.making.reading import TileFiller
from georet.plugins import UNSAID
from georet.sessions import TorchSession
from georet.sources.opening import open_source
from georet.testing.textured import write_folder, write_mbtiles
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling
from georet.types import REFERENCE, Pixels

if TYPE_CHECKING:
    from torch import Tensor, nn
# Every decoder imports this file: torch only where it is used.

TILE_PX = 512
MODELS = {"convnext_base": 384, "tf_efficientnet_lite0": 384}
QUICK_MODELS = {"test_convnext": 160, "test_efficientnet": 160}


def backbone(name: str) -> nn.Module:
    """Return a network of timm, untrained, whose blocks all count."""
    import timm
    import torch

    class Backbone(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = timm.create_model(name, pretrained=False, num_classes=0)
            self.embed_dim = int(self.network.num_features)
            self.mean, self.std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

        def forward(self, images: Tensor) -> Tensor:
            found: Tensor = self.network(images)
            return found

    made = Backbone()
    # A new ConvNeXt scales its blocks by 1e-6: nearly the identity, and good for no comparison.
    for key, value in made.named_parameters():
        if key.endswith("gamma"):
            torch.nn.init.constant_(value, 0.4)
    return made


@dataclass(frozen=True)
class Run:
    """What is measured: on which device, for how many seconds each."""

    device: str
    each_s: float
    workers: tuple[int, ...]
    models: dict[str, int]
    num_tiles: int

    @property
    def precisions(self) -> tuple[str, ...]:
        return ("fp32",) if self.device == "cpu" else ("fp32", "bf16", "fp16")

    @property
    def fast(self) -> str:
        return self.precisions[-1]

    def until(self) -> Callable[[], bool]:
        """Return what says whether the time of a measurement is over."""
        end_s = time.monotonic() + self.each_s
        return lambda: time.monotonic() >= end_s


def session_of(
    model: str, size: int, device: str, precision: str, *, channels_last: bool
) -> TorchSession:
    """Return an untrained network as a session; the same weights for the same model."""
    import torch

    from georet.encoder import Branch, Encoder

    torch.manual_seed(0)
    branch = Branch(cast(Backbone, backbone(model)), channels_last=channels_last)
    encoder = Encoder({"shared": branch}, logit_scale=1.0).to(device)
    if channels_last:
        encoder = encoder.to(memory_format=torch.channels_last)
    config = RunConfig.model_validate(
        {
            "dataset": {"name": "none"},
            "encoder": {"backbone": {"name": "timm"}},
            "losses": [{"name": "none"}],
            "sampler": {"name": "random"},
            "device": device,
            "precision": precision,
            "data": {"size": {"query": [size, size], "reference": [size, size]}},
        }
    )
    return TorchSession(encoder, REFERENCE, config)


def device_alone(run: Run, session: TorchSession) -> dict[str, Any]:
    """Embed batches that lie in memory already: copies and work, nothing to read."""
    size = session.identity.size
    slots = np.random.default_rng(0).integers(0, 256, (4, BATCH, *size, 3), np.uint8)
    session.pin(slots)
    list(session.embed_stream([slots[0]] * 4))
    is_over, busy_s, done, began_s = until(run.each_s), session.busy_s, 0, time.monotonic()

    def batches() -> Iterator[Pixels]:
        number = 0
        while not is_over():
            yield slots[number % 4]
            number += 1

    for rows in session.embed_stream(batches()):
        done += len(rows)
    wall_s, busy_s = time.monotonic() - began_s, session.busy_s - busy_s
    return {
        "tiles_a_second": done / wall_s,
        "tiles_a_busy_second": done / busy_s,
        "waits": max(0.0, 1 - busy_s / wall_s),
    }


def same_bits(session: TorchSession) -> dict[str, Any]:
    """Compare a stream with one batch after the other: the same bits?"""
    rng, size = np.random.default_rng(1), session.identity.size
    batches = [rng.integers(0, 256, (n, *size, 3), np.uint8) for n in (BATCH, BATCH, 7, BATCH)]
    alone = [session.embed(batch) for batch in batches]
    streamed = list(session.embed_stream(batches))
    return {
        "equal": all(np.array_equal(a, b) for a, b in zip(alone, streamed, strict=True)),
        "most_apart": max(float(np.abs(a - b).max()) for a, b in zip(alone, streamed, strict=True)),
    }


def with_graphs(run: Run, session: TorchSession) -> dict[str, Any]:
    """Give a session on CUDA an overlap that records its work as a graph."""
    import torch

    from georet.feeding.overlap import Overlap

    session._overlap = Overlap(
        session._on_device,
        torch.device(run.device),
        session.identity.embed_dim,
        most=BATCH,
        graphs=True,
    )
    found = {"bits": same_bits(session), "alone": device_alone(run, session)}
    graph = session._overlap._graph
    assert graph is not None
    return {"state": graph.state, "capture_s": graph.capture_s, **found}


def measure_sources(
    run: Run, results: Results, sources: dict[str, TileSource], sessions: dict[str, TorchSession]
) -> None:
    """Measure all numbers of decoders: alone, then with each session."""
    for workers in run.workers:
        for name, source in sources.items():
            if name != "folder" and workers not in (run.workers[-1], run.workers[-3]):
                continue
            first = next(iter(sessions.values()))
            size, rule = first.identity.size, first.identity.resize_rule
            filler = TileFiller(source, size, rule, with_thumbnails=False)
            feeder = PoolFeeder(
                filler, size=size, capacity=BATCH, workers=workers, held=held_by(first)
            )
            where, num = (name, f"{workers} decoders"), run.num_tiles
            try:
                results.add(*where, "decode", of=partial(decode_alone, feeder, run.each_s, num))
                for model, session in sessions.items():
                    results.add(
                        *where,
                        model,
                        of=partial(decode_to_device, feeder, run.each_s, session, num),
                    )
            finally:
                feeder.close()


def measure(run: Run, results: Results, folder: Path) -> None:
    """Measure all."""
    began_s = time.monotonic()
    tiles = write_folder(folder / "tiles", run.num_tiles, TILE_PX)
    archive = write_mbtiles(folder / "tiles.mbtiles", tiles)
    sources = {
        "folder": open_source(str(tiles), Tiling(), selection=UNSAID),
        "mbtiles": open_source(str(archive), Tiling(), selection=UNSAID),
    }
    sizes = [path.stat().st_size for path in tiles.glob("*/*/*.jpg")]
    results.add(
        "tiles",
        of=lambda: {
            "num": len(sizes),
            "mean_bytes": float(np.mean(sizes)),
            "drawn_s": time.monotonic() - began_s,
        },
    )
    sessions = {}
    for model, size in run.models.items():
        for precision in run.precisions:
            for last in (False, True) if precision == run.fast else (True,):
                name = f"{precision}{', channels_last' if last else ''}"
                session = session_of(model, size, run.device, precision, channels_last=last)
                results.add("alone", model, name, of=partial(device_alone, run, session))
                sessions[f"{model} {precision}"] = session
        last_session = sessions[f"{model} {run.fast}"]
        results.add("stream_is_embed", model, of=partial(same_bits, last_session))
    fast = {name: session for name, session in sessions.items() if name.endswith(run.fast)}
    measure_sources(run, results, sources, fast)
    for name, session in fast.items():
        build = partial(whole_build, folder, sources["folder"], session)
        results.add("build", name, of=partial(build, run.workers[-1]))
    if run.device != "cpu":
        for name, session in fast.items():
            results.add("graphs", name, of=partial(with_graphs, run, session))
        most = Run(run.device, run.each_s, run.workers[-1:], run.models, run.num_tiles)
        only = {"folder": sources["folder"]}
        graphed = {f"{name} graphs": session for name, session in fast.items()}
        measure_sources(most, results, only, graphed)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--out", type=Path, default=Path("feeding_gpu.json"))
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    parser.add_argument("--limit", type=float, default=140, help="seconds; nothing begins later")
    parser.add_argument("--quick", action="store_true", help="small networks, few tiles")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(max(1, min(4, len(os.sched_getaffinity(0)))))
    run = (
        Run(arguments.device, 0.5, (1, 2, 4), QUICK_MODELS, 64)
        if arguments.quick
        else Run(arguments.device, arguments.seconds, (1, 2, 4, 8, 16), MODELS, 512)
    )
    results = Results(arguments.out, arguments.limit)
    results.add("machine", of=lambda: machine(arguments.device))
    with tempfile.TemporaryDirectory(prefix="georet-feeding-") as name:
        measure(run, results, Path(name))
    failed = json.dumps(results.values).count('"error"')
    print(f"{arguments.out}: {failed} failed", file=sys.stderr)


if __name__ == "__main__":
    main()
