"""Located photos and a flight of frames, made up; and the schemas that formats are held against."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from georet.testing.output_check import MadeUp
from georet.tracks.points import TrackPoint

DEBIAN = Path("/usr/share/pytrainer/schemas")


@pytest.fixture
def located():
    """Return four located photos; one was refined, with a footprint."""
    made = MadeUp(4)
    made.content[3]["footprint"] = [
        [47.0020, 8.0000], [47.0020, 8.0030], [47.0000, 8.0030], [47.0000, 8.0000],
    ]  # fmt: skip
    made.content[3]["known"] = {
        "heading_deg": 270.0, "heading_sigma_deg": 5.0, "tilt_deg": 20.0, "tilt_sigma_deg": 2.0,
        "height_m": 90.0, "fov_deg": 70.0,
    }  # fmt: skip
    return made


@pytest.fixture
def flight():
    """Return a flight of six frames a second apart, whose records have those of photos too."""
    made = MadeUp(4)
    base = made.content[0]
    made.content = []
    for number in range(6):
        point = TrackPoint(
            name=f"flight.mp4#t={number}.000",
            latlon=(47.0 + 0.0001 * number, 8.0 + 0.0002 * number),
            covariance_m2=np.array([[9.0, 2.0], [2.0, 4.0]]) * (1 + number),
            source="matched" if number % 3 == 0 else "propagated",
            time_s=float(number),
            utc_s=1_790_000_000.25 + number,
            anchor_age_s=float(number % 3),
            heading_deg=math.degrees(0.5),
            height_m=80.0,
        )
        made.content.append({**base, **point.as_record()})
    made.provenance = {**made.provenance, "track": {"num_frames": 6}}
    return made


@pytest.fixture(scope="session")
def schemas(tmp_path_factory):
    """Return the folder with the schemas of GPX 1.1 and KML 2.2, as Debian's pytrainer ships them.

    They are not georet's to hand on; where they aren't installed, the package is fetched and
    unpacked, no more.
    """
    named = Path(os.environ.get("GEORET_SCHEMAS", DEBIAN))
    if named.is_dir():
        return named
    folder = tmp_path_factory.mktemp("schemas")
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        subprocess.run(["apt-get", "download", "-qq", "pytrainer"], cwd=folder, check=False)
        for package in folder.glob("pytrainer_*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
            return folder / DEBIAN.relative_to("/")
    if os.environ.get("GEORET_REQUIRE_SCHEMAS") == "1":
        pytest.fail("the schemas of Debian's package pytrainer are not to be had")
    pytest.skip("the schemas of Debian's package pytrainer are not to be had")
    return None
