"""Look inside the wheel: only georet's packages, and all that they need at run time."""

from __future__ import annotations

import sys
import zipfile

EXPECTED = (
    "georet/py.typed",
    "georet_sample4geo/recipes/orbitview.yaml",
    "georet_orbitview/CARD.md",
    "georet_export/__init__.py",
    "georet_mlflow/__init__.py",
    "georet_wandb/__init__.py",
    "georet/serve/static/page.html",
    "georet/serve/static/vendor/maplibre/maplibre-gl.mjs",
    "georet/serve/static/vendor/maplibre/maplibre-gl-worker.mjs",
    "georet/serve/static/vendor/maplibre/LICENSE.txt",
)


def main(path: str) -> int:
    """Return 0 when the wheel holds what it should and nothing else."""
    names = zipfile.ZipFile(path).namelist()
    tops = {name.split("/")[0] for name in names}
    foreign = sorted(top for top in tops if not top.startswith("georet"))
    missing = [name for name in EXPECTED if name not in names]
    if foreign or missing or any("example_triplet" in name for name in names):
        sys.stderr.write(f"{path}: foreign {foreign}, missing {missing}\n")
        return 1
    sys.stdout.write(f"{path}: {len(names)} files in {sorted(tops)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
