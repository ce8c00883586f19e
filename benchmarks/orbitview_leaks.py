"""How much held-out ground OrbitView's training photos show, beyond the tiles' disjointness.

python benchmarks/orbitview_leaks.py
"""

from __future__ import annotations

import numpy as np

from georet.geodesy import EARTH_RADIUS_M, distance_m, unit_vectors
from georet.types import Bools, Doubles
from georet_orbitview.camera import TILE_SIDE_M, Views, photo_ground
from georet_orbitview.dataset import OrbitView

NEAR_M = 2_000_000.0


def on_tiles(points: Doubles, tiles_latlon: Doubles) -> Bools:
    """Say of points [M, 3] on the unit sphere whether any of the tiles [T, 2] shows them."""
    lon = np.radians(tiles_latlon[:, 1])
    up = unit_vectors(tiles_latlon)
    east = np.stack([-np.sin(lon), np.cos(lon), np.zeros_like(lon)], axis=1)
    height, half = points @ up.T, TILE_SIDE_M / EARTH_RADIUS_M / 2
    x, y = points @ east.T, points @ np.cross(up, east).T
    inside = (height > 0) & (np.abs(x) < half * height) & (np.abs(y) < half * height)
    shown: Bools = inside.any(axis=1)
    return shown


def share_of_photo(views: Views, row: int, held_out: Doubles) -> float:
    """Return the share of a photo's pixels that show held-out tiles' ground."""
    target = views.target_latlon[row]
    near = held_out[distance_m(target, held_out) < NEAR_M]
    if not len(near):
        return 0.0
    ground = photo_ground(views, row, 24)
    lat, lon = np.degrees(ground.lat_rad), np.degrees(ground.lon_rad) + target[1]
    points = unit_vectors(np.stack([lat.ravel(), lon.ravel()], axis=1))
    return float(on_tiles(points, near).mean())


def main() -> None:
    for region in ("americas", "africa"):
        for heading in ("normal", "hard"):
            dataset = OrbitView(region=region, heading=heading)
            train, held_out = dataset.places.train, dataset.places.held_out
            latlon = dataset.world.latlon[held_out]
            views = [dataset.world.views(render) for render in range(dataset.train_renders)]
            shares = np.array([share_of_photo(v, row, latlon) for v in views for row in train])
            seen, most = np.count_nonzero(shares), 100 * shares.max()
            print(
                f"{region}, heading {heading}: {seen} of {len(shares)} training photos show "
                f"held-out tiles' ground, at most {most:.1f} % of a photo"
            )


if __name__ == "__main__":
    main()
