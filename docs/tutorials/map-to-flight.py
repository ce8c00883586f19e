# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Your own map, and the track of a flight over it
#
# A map becomes a gallery, and a flight over it a track, without training, network or GPU. Here:
# `pip install 'georet[demo,gallery,plot]'`.
#
# A map first. This one is drawn: fields, roads, houses, 600 m wide. Take a GeoTIFF of your own.

# %%
import cv2
import numpy as np
import rasterio
from rasterio.transform import from_origin

rng = np.random.default_rng(4)
ground = np.zeros((1200, 1200, 3), np.float32)
for cells in (6, 14, 60, 300):
    noise = rng.uniform(0, 70, (cells, cells, 3)).astype(np.float32)
    method = cv2.INTER_NEAREST if cells == 14 else cv2.INTER_CUBIC
    ground += cv2.resize(noise, (1200, 1200), interpolation=method)
for _ in range(14):
    a, b = (tuple(map(int, rng.integers(0, 1200, 2))) for _ in "ab")
    cv2.line(ground, a, b, tuple(map(float, rng.uniform(120, 220, 3))), int(rng.integers(5, 12)))
for _ in range(260):
    x, y, w, h = map(int, (*rng.integers(0, 1180, 2), *rng.integers(12, 30, 2)))
    cv2.rectangle(ground, (x, y), (x + w, y + h), tuple(map(float, rng.uniform(60, 250, 3))), -1)
with rasterio.open(
    "area.tif", "w", driver="GTiff", width=1200, height=1200, count=3, dtype="uint8",
    crs="EPSG:32632", transform=from_origin(500_000, 5_200_000, 0.5, 0.5),
) as file:  # fmt: skip
    file.write(ground.clip(0, 255).astype(np.uint8).transpose(2, 0, 1))

# %% [markdown]
# Tiles about as wide as the ground that a photo shows, each overlapping its neighbours by half:

# %% language="bash"
# georet gallery build area.tif --side 60m --overlap 0.5 --out area.gallery \
#     --encoder 'timm:tf_efficientnet_lite0?weights=lite0&stage=3&pool=gem&size=128'

# %% [markdown]
# ## The flight
#
# Skip this if you have photos or a video. Here the flight is rendered from the map, as
# `georet adapt` does it: 40 photos straight from a camera at 50 m, 8 m from one to the next, in
# other light. Ten in the middle show nothing but cloud.

# %%
import csv
import math
from pathlib import Path

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.ground.tangent import Tangent
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling
from georet_ortho.looks import look_at
from georet_ortho.render import Shot, render
from georet_ortho.scene import Scene

source = open_source("area.tif", Tiling((60.0,)))
scene = Scene.of(source, "area.tif")
middle = source.tiles().latlon.mean(axis=0)
plane, lens, height_m = Tangent(*map(float, middle)), Lens.of_fov(320, 240, math.radians(62)), 50.0

folder = Path("flight")
folder.mkdir(exist_ok=True)
headings = math.radians(40) + 0.9 * np.sin(np.arange(40) / 8)
steps = 8.0 * np.stack([np.sin(headings), np.cos(headings)], axis=1)
places = np.cumsum(steps, axis=0) - [120.0, 140.0]
odometry = 1.04 * np.cumsum(steps + rng.normal(0, 0.2, steps.shape), axis=0)  # off by 4 %
told, true = [], []
for at, (place, heading) in enumerate(zip(places, headings, strict=True)):
    latlon = plane.latlon(place[None])[0]
    pose = Pose.looking_at((0.0, 0.0), height_m, float(heading), math.radians(4))
    photo = render(scene, Shot(latlon, Pinhole(lens, pose)))
    if 15 <= at < 25:
        photo = np.full_like(photo, 225)
    name = f"{at:03d}.jpg"
    (folder / name).write_bytes(look_at(photo, "weak", rng, px_m=0.2).content)
    noise = rng.normal(0, 3)
    told.append([name, at, math.degrees(heading) + noise, 0, height_m, 62, *odometry[at]])
    true.append([name, *latlon])
columns = ["photo", "time_s", "heading_deg", "tilt_deg", "height_m", "fov_deg", "east_m", "north_m"]
for file, rows in {
    "telemetry.csv": [columns, *told],
    "truth.csv": [["photo", "lat", "lon"], *true],
}.items():
    with Path(file).open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)

# %% [markdown]
# ## The track
#
# `telemetry.csv` has what an aircraft knows without GPS: heading, height, and how far it moved
# since the start (`east_m`, `north_m`), which drifts. No position is read.

# %% language="bash"
# georet track area.gallery flight --telemetry telemetry.csv --truth truth.csv \
#     --out track.gpx --out report.html

# %% [markdown]
# `track.gpx` opens in any map, `report.html` shows the track and its error over time. The same
# from Python, with what each place rests on:

# %%
from georet import Gallery
from georet.flights.films import film_of
from georet.flights.flying import Pilot
from georet.locate import Locator
from georet.photos.camera.cameras import cameras_of
from georet.tracks.tracker import GridTracker

gallery = Gallery.open("area.gallery")
cameras = cameras_of(telemetry=Path("telemetry.csv"))
pilot = Pilot(Locator(gallery, gallery.session()), GridTracker(), cameras)
flight = pilot.fly(film_of([folder], cameras), Path(".flight"), {}, lambda: None)
flight

# %%
truth = np.array([row[1:] for row in true], float)
flight.plot(gallery.plot(), truth)

# %% [markdown]
# How far off? `georet track` has said above what the best tile of each frame alone would give;
# together they are far better:

# %%
from georet.geodesy import distance_m

errors = distance_m(np.array([point.latlon for point in flight.points]), truth)
assert np.median(errors) < 30
f"median {np.median(errors):.0f} m, worst {errors.max():.0f} m"

# %% [markdown]
# An encoder made for the map (`georet adapt area.tif ...`) tells places apart better; `--refine
# sift` brings metres. [Flights](../flights.md) has the options and how it works.
