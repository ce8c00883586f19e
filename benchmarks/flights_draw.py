"""Flights rendered over a map: frames, telemetry with drifting odometry, and the truth."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.ground.tangent import Tangent
from georet.types import Doubles, Pixels
from georet_ortho.flights import MOST_TILT_DEG
from georet_ortho.looks import Look, look_at
from georet_ortho.render import Shot, render
from georet_ortho.scene import Scene

WIDTH, HEIGHT = 400, 300
FOV = math.radians(73.0)
SPAN = 1.25
"""The width that a photo shows straight down, in tile sides."""
JUNK = ("cloud", "black", "blurred", "elsewhere")


@dataclass(frozen=True)
class Flown:
    """Places [T, 2] in metres east and north of ``plane``, headings, tilts [T], and what is junk.

    ``turn`` is the frame whose photo has nothing in common with the one before.
    """

    plane: Tangent
    places: Doubles
    headings: Doubles
    tilts: Doubles
    junk: list[str]
    turn: int


def fly(
    tiles_latlon: Doubles, side_m: float, seed: int, num: int = 300, junk: float = 0.2
) -> Flown:
    """Draw a flight within the tiles' centres: 0.12 to 0.2 sides a step, and one sharp turn."""
    rng = np.random.default_rng([77, seed])
    plane = Tangent(*((tiles_latlon.min(axis=0) + tiles_latlon.max(axis=0)) / 2).tolist())
    metres = plane.metres(tiles_latlon)
    low, high = metres.min(axis=0), metres.max(axis=0)
    place, heading = rng.uniform(low, high), rng.uniform(-np.pi, np.pi)
    turn = int(rng.integers(num // 3, 2 * num // 3))
    places, headings = [], []
    for at in range(num):
        places.append(place)
        headings.append(heading)
        # At the turn the photo leaps by more than it shows: no overlap at all.
        reach = rng.uniform(0.12, 0.2) if at + 1 != turn else SPAN * 1.3
        bend = rng.normal(0, 0.2) if at + 1 != turn else rng.choice([-2.2, 2.2])
        for _ in range(200):
            ahead = heading + bend
            step = place + reach * side_m * np.array([math.sin(ahead), math.cos(ahead)])
            if (step > low).all() and (step < high).all():
                break
            bend = rng.normal(0, 1.2)
        place, heading = step, ahead
    names = [str(rng.choice(JUNK)) if rng.random() < junk else "" for _ in range(num)]
    # Ten useless frames in a row, such as a cloud is.
    gap = int(rng.integers(20, num - 40))
    names[gap : gap + 10] = [str(rng.choice(JUNK[:3]))] * 10
    extra = [at for at in range(num) if names[at] and not gap <= at < gap + 10]
    for at in extra[round(junk * num) - 10 :]:
        names[at] = ""
    tilts = np.radians(rng.uniform(0, 12, num))
    return Flown(plane, np.array(places), np.array(headings), tilts, names, turn)


def drawn(
    folder: Path, flown: Flown, scene: Scene, other: Scene, side_m: float, look: Look, seed: int
) -> Path:
    """Render the frames into ``folder`` unless they are there; return it."""
    truth = folder / "truth.csv"
    if truth.is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    height_m = side_m * SPAN / 2 / math.tan(FOV / 2)
    rows = []
    for at in range(len(flown.places)):
        rng = np.random.default_rng([78, seed, at])
        roll = math.radians(rng.normal(0, 1.5))
        heading = float(flown.headings[at])
        pose = Pose.looking_at((0.0, 0.0), height_m, heading, float(flown.tilts[at]), roll)
        camera = Pinhole(Lens.of_fov(WIDTH, HEIGHT, FOV), pose)
        latlon = flown.plane.latlon(flown.places[at][None])[0]
        content = shown(flown.junk[at], scene, other, latlon, camera, look, rng)
        (folder / f"{at:04d}.jpg").write_bytes(content)
        rows.append([f"{at:04d}.jpg", *(f"{v:.8f}" for v in latlon), flown.junk[at]])
    written(folder / "telemetry.csv", telemetry(flown, height_m, seed))
    written(truth, [["photo", "lat", "lon", "junk"], *rows])
    return folder


def shown(
    junk: str, scene: Scene, other: Scene, latlon: Doubles, camera: Pinhole, look: Look,
    rng: np.random.Generator,
) -> bytes:  # fmt: skip
    """Return a frame as a JPEG: the ground, or what makes it useless."""
    if junk == "black":
        return look_at(np.zeros((HEIGHT, WIDTH, 3), np.uint8), "none", rng, px_m=1.0).content
    if junk == "cloud":
        coarse = rng.normal(0, 6, (6, 8)).astype(np.float32)
        veil = 225 + cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        grey = np.clip(veil, 0, 255).astype(np.uint8)
        return look_at(np.repeat(grey[:, :, None], 3, 2), "weak", rng, px_m=1.0).content
    if junk == "elsewhere":
        scene, latlon = other, somewhere(other, rng)
    image: Pixels = render(scene, Shot(latlon, camera))
    if junk == "blurred":
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), WIDTH / 24), np.uint8)
    px_m = float(camera.ground_px_m(np.array([[WIDTH / 2, HEIGHT / 2]]))[0])
    return look_at(image, look, rng, px_m=px_m).content


def somewhere(scene: Scene, rng: np.random.Generator) -> Doubles:
    """Return a place [2] in the middle part of another map."""
    surface = scene.surfaces[0]
    share = rng.uniform(0.35, 0.65, 2)
    found: Doubles = surface.latlon_at(share[None] * [surface.width, surface.height])[0]
    return found


def telemetry(flown: Flown, height_m: float, seed: int) -> list[list[str]]:
    """Return what an aircraft would tell: angles and height off, odometry that drifts by 5 %.

    Its scale is wrong by 5 %, its north by a walk of 0.3 degrees a frame, each step by 0.15 m.
    """
    rng, num = np.random.default_rng([79, seed]), len(flown.places)
    steps = np.diff(flown.places, axis=0)
    turn = np.cumsum(rng.normal(0, math.radians(0.3), num - 1))
    sine, cosine = np.sin(turn), np.cos(turn)
    east = steps[:, 0] * cosine + steps[:, 1] * sine
    north = steps[:, 1] * cosine - steps[:, 0] * sine
    told = 1.05 * np.stack([east, north], axis=1) + rng.normal(0, 0.15, (num - 1, 2))
    odometry = np.vstack([np.zeros(2), np.cumsum(told, axis=0)])
    rows = [["photo", "time_s", "heading_deg", "tilt_deg", "height_m", "fov_deg", "east_m",
             "north_m"]]  # fmt: skip
    compass = rng.normal(0, 5)
    for at in range(num):
        heading = math.degrees(flown.headings[at]) + 0.8 * compass + rng.normal(0, 3)
        tilt = np.clip(math.degrees(flown.tilts[at]) + rng.normal(0, 1.5), 0, MOST_TILT_DEG)
        values = [at * 0.5, heading % 360, tilt, height_m * 1.04, math.degrees(FOV)]
        rows.append([f"{at:04d}.jpg", *(f"{v:.4f}" for v in (*values, *odometry[at]))])
    return rows


def written(path: Path, rows: Iterable[Iterable[str]]) -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
