"""Cameras that photos' telemetry tells of become ranges to render by."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from georet.errors import ConfigError, DataError, UsageError
from georet_ortho.flights import Flights
from georet_ortho.observed import flights_of, ground_m


def flight(folder: Path, rows: list[tuple[float, float, float]]) -> tuple[Path, Path]:
    """Write photos of 90 x 60 pixels, and a log that tells tilt, height and field of view."""
    photos = folder / "photos"
    photos.mkdir()
    lines = ["photo,heading_deg,tilt_deg,height_m,fov_deg"]
    for number, (tilt, height, fov) in enumerate(rows):
        name = f"{number}.jpg"
        cv2.imwrite(str(photos / name), np.full((60, 90, 3), 90, np.uint8))
        lines.append(f"{name},{10 * number},{tilt},{height},{fov}")
    (folder / "log.csv").write_text("\n".join(lines) + "\n")
    return photos, folder / "log.csv"


def test_ranges_go_a_little_beyond_what_was_told(tmp_path):
    photos, log = flight(tmp_path, [(10, 90, 70), (20, 100, 70), (14, 110, 72)])
    found = flights_of([photos], log)
    assert found.tilt_deg == pytest.approx((7, 23))
    assert found.height_m == pytest.approx((81, 121))
    assert found.fov_deg == pytest.approx((67.9, 74.16))
    assert found.shape == pytest.approx(1.5)
    assert found.heading_deg == Flights().heading_deg
    # 101 m up, 71 degrees wide.
    assert ground_m(found) == pytest.approx(2 * 101 * np.tan(np.radians(71.03 / 2)), rel=1e-3)


def test_ranges_survive_being_written_as_json(tmp_path):
    photos, log = flight(tmp_path, [(0, 90, 70), (1, 100, 70), (2, 110, 72)])
    found = flights_of([photos], log)
    as_lists = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(found).items()
    }
    assert Flights.told(as_lists) == found
    with pytest.raises(ConfigError, match="no ranges"):
        Flights.told({"tilt": [0, 1]})


def test_photos_that_tell_nothing_are_refused_with_a_way_out(tmp_path):
    photos, _ = flight(tmp_path, [(0, 90, 70)] * 4)
    with pytest.raises(DataError, match="fewer than 3 of 4 photos") as refused:
        flights_of([photos])
    assert "--camera any" in refused.value.hint


def test_adapt_renders_by_the_cameras_of_sample_photos(tmp_path):
    from georet_ortho.adapting.conducting import with_cameras
    from georet_ortho.adapting.settings import Settings

    photos, log = flight(tmp_path, [(10, 90, 70), (20, 100, 70), (14, 110, 72)])
    said: list[str] = []
    asked = Settings("a.tif", "timm:x", 40.0, camera=str(photos), telemetry=str(log))
    settings = with_cameras(asked, said.append)
    assert settings.cameras() == flights_of([photos], log)
    assert "show about 144 m of ground, tiles 40 m: try --side 140m" in said[0]
    # Begun once, the ranges stay, whatever becomes of the photos.
    settings.save(tmp_path)
    log.unlink()
    assert asked.begun(tmp_path).cameras() == settings.cameras()
    with pytest.raises((ConfigError, UsageError), match="oblique"):
        with_cameras(Settings("a.tif", "timm:x", 40.0, camera="obliqe"), said.append)
