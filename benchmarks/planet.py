"""What a gallery of all land would take, by the calculator behind ``georet gallery plan``.

    python benchmarks/planet.py RUN --json planet.json

A drawn raster of 0.5 m a pixel is cut into tiles of several sizes; read, embedded by the run and
stored in fp16 without thumbnails on this machine, and scaled to 149 million km2.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from feeding_parts import machine, write_sources
from georet.files import write_json
from georet.gallery.estimate import estimate_gallery
from georet.gallery.making.settings import BuildSettings
from georet.plugins import Selection
from georet.processes import num_cores
from georet.sessions import SessionSpec
from georet.tiles.tiling import Tiling

LAND_KM2 = 149e6
SIDES_M = (100.0, 200.0, 400.0)


def main() -> None:
    """Measure, scale, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    spec = SessionSpec(arguments.run, "reference", selection=Selection(("sample4geo", "orbitview")))
    with tempfile.TemporaryDirectory() as name:
        write_sources(Path(name), 512)
        for side_m in SIDES_M:
            tiling = Tiling(side_m=(side_m,))
            settings = BuildSettings(tiling=tiling, storage="fp16", thumbnails=False)
            found = estimate_gallery(str(Path(name) / "area.tif"), spec, settings)
            told = found.scaled(LAND_KM2).as_json(num_cores())
            rows.append({"side_m": side_m, **told, "bytes_a_tile": found.bytes_a_tile})
            print(rows[-1], flush=True)
    if arguments.json:
        write_json(arguments.json, {"machine": machine("cpu"), "rows": rows})


if __name__ == "__main__":
    main()
