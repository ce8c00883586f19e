"""What a gallery of all land would take, by the calculator behind ``georet gallery plan``.

    python benchmarks/planet.py RUN --json planet.json

A drawn raster of 0.5 m a pixel is cut into tiles of several sizes; read, embedded by the run and
stored in fp16 without thumbnails on this machine, and scaled to 149 million km2. The same once
more for an encoder on a GPU: its speed is what ``feeding_gpu.py`` measured, the rest is sampled
here.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from feeding_parts import machine, write_sources
from georet.files import write_json
from georet.gallery.estimate import Estimate, estimate_gallery
from georet.gallery.making.settings import BuildSettings
from georet.plugins import Selection
from georet.processes import num_cores
from georet.sessions import SessionSpec
from georet.tiles.tiling import Tiling

LAND_KM2 = 149e6
SIDES_M = (100.0, 200.0, 400.0)
GPU = Path(__file__).parent / "results/feeding_gpu-h100.json"
GPU_MODEL, GPU_WAY, GPU_DIM = "convnext_base", "fp16, channels_last", 1024


def on_gpu(found: Estimate, dim: int) -> Estimate:
    """Return the estimate with the speed that was measured on a GPU, and its longer embeddings."""
    alone = json.loads(GPU.read_text())["sessions"][-1]["alone"][GPU_MODEL][GPU_WAY]
    more = 2 * (GPU_DIM - dim)
    return replace(
        found,
        bytes_a_tile=found.bytes_a_tile + more,
        embed_s=1 / alone["tiles_a_second"],
        backend=f"H100, {GPU_MODEL} {GPU_WAY}",
        on_device=True,
    )


def main() -> None:
    """Measure, scale, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    spec = SessionSpec(arguments.run, "reference", selection=Selection(("sample4geo", "orbitview")))
    dim = spec.open().identity.embed_dim
    with tempfile.TemporaryDirectory() as name:
        write_sources(Path(name), 512)
        for side_m in SIDES_M:
            tiling = Tiling(side_m=(side_m,))
            settings = BuildSettings(tiling=tiling, storage="fp16", thumbnails=False)
            found = estimate_gallery(str(Path(name) / "area.tif"), spec, settings)
            for each in (found.scaled(LAND_KM2), on_gpu(found, dim).scaled(LAND_KM2)):
                told = each.as_json(num_cores())
                rows.append({"side_m": side_m, **told, "bytes_a_tile": each.bytes_a_tile})
                print(rows[-1], flush=True)
    if arguments.json:
        write_json(arguments.json, {"machine": machine("cpu"), "rows": rows})


if __name__ == "__main__":
    main()
