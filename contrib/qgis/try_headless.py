# SPDX-License-Identifier: GPL-2.0-or-later
"""Try the plugin in QGIS without a window: a gallery of a map, photos located, places drawn.

    python3 contrib/qgis/try_headless.py area.tif photos/ out/ --side 60

Run by the Python of QGIS (Debian: /usr/bin/python3 with the package python3-qgis); georet is called
as GEORET_COMMAND says. Writes the gallery, places.gpkg and map.png into ``out``, and prints what
was found as JSON. Then ``qgis_process``, where there is one, loads the plugin as QGIS does, and
lists its algorithms.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
HERE = Path(__file__).parent
NAME = "georet_qgis"
sys.path[:0] = [str(HERE), "/usr/share/qgis/python/plugins"]

from qgis.core import (  # noqa: E402
    QgsApplication,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize  # noqa: E402


def main() -> int:
    """Run all three algorithms; 0 where the places were found and drawn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("map", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--side", type=float, default=60.0)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    app = QgsApplication([], False)
    app.initQgis()
    from processing.core.Processing import Processing

    Processing.initialize()
    import georet_qgis

    plugin = georet_qgis.classFactory(None)
    plugin.initProcessing()
    try:
        told = tried(asked)
    finally:
        plugin.unload()
    told["qgis_process"] = listed(asked.out / "profile")
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return 0


def tried(asked: argparse.Namespace) -> dict[str, Any]:
    """Build, locate, load, draw; return what was found."""
    gallery, places = asked.out / "area.gallery", asked.out / "places.gpkg"
    map_layer = QgsRasterLayer(str(asked.map), "map")
    built = run("buildgallery", INPUT=map_layer, SIDE=asked.side, OUTPUT=str(gallery))[0]
    found, _ = run(
        "locatephotos", GALLERY=str(gallery), PHOTOS=str(asked.photos), OUTPUT=str(places)
    )
    again, layers = run("loadplaces", INPUT=str(places))
    drawn = [styled(*layer) for layer in layers]
    picture(asked.out / "map.png", [*reversed(drawn), map_layer])
    return {
        "gallery": built["OUTPUT"],
        "places": found["OUTPUT"],
        "photos": found["PHOTOS"],
        "abstained": found["ABSTAINED"],
        "same_again": again["PHOTOS"] == found["PHOTOS"],
        "layers": {layer.name(): layer.featureCount() for layer in drawn},
        "renderers": {layer.name(): layer.renderer().type() for layer in drawn},
        "map": str(asked.out / "map.png"),
    }


def run(name: str, **parameters: Any) -> tuple[dict[str, Any], list[tuple[str, str, Any]]]:
    """Run an algorithm; return what it found, and address, title, styler of layers to load."""
    context, feedback = QgsProcessingContext(), Said()
    context.setProject(QgsProject.instance())
    made = QgsApplication.processingRegistry().createAlgorithmById(f"georet:{name}")
    found, is_done = made.run(parameters, context, feedback)
    if not is_done:
        raise SystemExit(f"{name}: {feedback.textLog()}")
    # Taken out while the context lives, which owns the details.
    wanted = context.layersToLoadOnCompletion()
    return found, [(uri, one.name, one.postProcessor()) for uri, one in wanted.items()]


class Said(QgsProcessingFeedback):
    """Prints what an algorithm says."""

    def pushInfo(self, info: str) -> None:
        """Print a line on stderr."""
        sys.stderr.write(f"{info}\n")


def styled(uri: str, title: str, styler: Any) -> QgsVectorLayer:
    """Load a layer as QGIS does when an algorithm has ended; SystemExit where it can't be."""
    layer = QgsVectorLayer(uri, title, "ogr")
    if not layer.isValid():
        raise SystemExit(f"{uri}: can't be loaded")
    if styler is not None:
        styler.postProcessLayer(layer, QgsProcessingContext(), Said())
    return layer


def picture(path: Path, layers: list[Any]) -> None:
    """Draw layers, the uppermost first, over the last one's extent."""
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(layers[-1].crs())
    settings.setExtent(layers[-1].extent())
    settings.setOutputSize(QSize(800, 800))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    if not job.renderedImage().save(str(path)):
        raise SystemExit(f"{path}: can't be written")


def listed(profile: Path) -> list[str] | None:
    """Return the algorithms that ``qgis_process`` knows of georet; None without that program."""
    # Debian's wrapper passes an option that the program itself doesn't know without a command.
    program = shutil.which("qgis_process.bin") or shutil.which("qgis_process")
    if program is None:
        return None
    home = profile / "profiles/default"
    shutil.copytree(HERE / NAME, home / "python/plugins" / NAME, dirs_exist_ok=True)
    (home / "QGIS").mkdir(parents=True, exist_ok=True)
    (home / "QGIS/QGIS3.ini").write_text(f"[PythonPlugins]\n{NAME}=true\n", encoding="utf-8")
    environment = {**os.environ, "QGIS_CUSTOM_CONFIG_PATH": str(profile)}
    done = subprocess.run(  # noqa: S603
        [program, "--json", "list"], env=environment, capture_output=True, text=True
    )
    text = done.stdout[done.stdout.find("{") :]
    providers = json.loads(text)["providers"] if text else {}
    return sorted(providers.get("georet", {}).get("algorithms", {}))


if __name__ == "__main__":
    sys.exit(main())
