from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from georet.data.images import read_image
from georet.errors import ConfigError
from georet.geodesy import distance_m
from georet.plugins import load_plugins
from georet.testing import check_dataset, check_protocol
from georet_cityblocks.dataset import CityBlocks
from georet_cityblocks.world import CAMERA_M, TILE_SIDE_M
from georet_datasets.writers.export import export_dataset


def test_it_keeps_the_contract(mini: CityBlocks) -> None:
    check_dataset(mini, protocols=["cityblocks:cityblocks"])
    check_protocol(load_plugins(["cityblocks"]).catalog.create("protocols", "cityblocks"))


def test_photos_lie_within_metres_of_their_tiles_middle(mini: CityBlocks) -> None:
    pairs = mini.train()
    query, reference = pairs.pairs.T
    away_m = distance_m(pairs.queries.latlon[query], pairs.references.latlon[reference])
    assert 1 < away_m.max() < 4.1
    offset_m = np.hypot(*pairs.columns["offset_m"].T)
    np.testing.assert_allclose(away_m, offset_m, atol=1e-3)


def test_semi_positives_are_the_other_tiles_that_hold_the_photo(mini: CityBlocks) -> None:
    pairs = mini.train()
    for row, (query, own) in enumerate(pairs.pairs):
        away = np.abs(pairs.references.plane_m - pairs.queries.plane_m[query]).max(axis=1)
        holds = set(np.flatnonzero(away < TILE_SIDE_M / 2)) - {own}
        found = {int(r) for r in pairs.semi_positives[row] if r >= 0}
        assert found == holds


def test_the_held_out_city_never_trains(mini: CityBlocks, cityblocks_dir: Path) -> None:
    sets = mini.evaluations()
    assert list(sets) == ["cross", "cross-unknown", "cross-180", "cross-90", "same"]
    assert set(mini.train().references.columns["city"]) == {0}
    assert set(sets["cross"].gallery.columns["city"]) == {1}
    other = CityBlocks(size="mini", px=32, held_out=0, cache_dir=cityblocks_dir)
    assert set(other.train().references.columns["city"]) == {1}
    trained = set(mini.train().queries.ids)
    assert not trained & set(sets["same"].queries.ids)


def test_fields_of_view_show_the_part_of_the_panorama_that_their_heading_says(mini) -> None:
    sets = mini.evaluations()
    whole = sets["cross"].queries
    for name, share in (("cross-unknown", 1.0), ("cross-180", 0.5), ("cross-90", 0.25)):
        queries = sets[name].queries
        for row in (0, 5, 11):
            cut, full = read_image(queries.paths[row]), read_image(whole.paths[row])
            height, width = cut.shape[:2]
            assert (height, width) == (32, 64)
            turned = round(queries.heading_deg[row] / 360 * width)
            expected = np.roll(full, -turned, axis=1).astype(int)
            middle = slice(width // 2 - 5, width // 2 + 5)
            assert np.abs(cut[:, middle] - expected[:, middle]).mean() < 6
            seen = (cut.max(axis=(0, 2)) > 40).mean()
            assert abs(seen - share) < 0.07


def test_an_unknown_heading_is_recorded(cityblocks_dir: Path) -> None:
    known = CityBlocks(size="mini", px=32, cache_dir=cityblocks_dir)
    unknown = CityBlocks(size="mini", px=32, heading="unknown", cache_dir=cityblocks_dir)
    assert (known.train().columns["yaw_rad"] == 0).all()
    yaw = unknown.train().columns["yaw_rad"]
    assert yaw.max() - yaw.min() > np.pi
    # Depths don't depend on the day's light: turned back they are the aligned panorama's.
    assert np.array_equal(known.world.poses(0, 0).xy_m, unknown.world.poses(0, 0).xy_m)


def test_depths_of_the_ground_fit_the_cameras_height(mini: CityBlocks) -> None:
    queries = mini.evaluations()["cross"].queries
    for path in queries.columns["depth_file"][:3]:
        cm = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert cm.dtype == np.uint16
        assert cm.shape == (32, 64)
        assert (cm[0] == 0).any() or (cm[0] > 100).all()
        assert np.abs(cm[-1] / 100 - CAMERA_M).max() < 0.01


def test_the_same_options_make_the_same_bytes(mini: CityBlocks, tmp_path: Path) -> None:
    again = CityBlocks(size="mini", px=32, depth=True, cache_dir=tmp_path)
    for one, other in zip(mini.parts(), again.parts(), strict=True):
        one.ensure()
        other.ensure(workers=1)
        names = list(one.names)[::9]
        assert [(one.folder / n).read_bytes() for n in names] == [
            (other.folder / n).read_bytes() for n in names
        ]
    mini.parts()[0].verify()


def test_a_city_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no city 7"):
        CityBlocks(size="mini", held_out=7, cache_dir=tmp_path)


@pytest.mark.parametrize("layout", ["cvusa", "vigor"])
def test_it_is_written_in_published_layouts_and_read_again(
    mini: CityBlocks, tmp_path: Path, layout: str
) -> None:
    folder = tmp_path / layout
    export_dataset(mini, layout, folder, about={}, evaluations=["cross"])
    options = {"name": layout, "root": str(folder)} | (
        {"area": "cross"} if layout == "vigor" else {}
    )
    read = load_plugins(["sample4geo"]).catalog.create("datasets", options)
    pairs, expected = read.train(), mini.train()
    assert len(pairs) == len(expected)
    for row in (0, len(pairs) - 1):
        query, tile = pairs.pairs[row]
        first, second = expected.pairs[row]
        assert pairs.queries.paths[query].read_bytes() == expected.queries.paths[first].read_bytes()
        found = read_image(pairs.references.paths[tile])
        assert np.array_equal(found, read_image(expected.references.paths[second]))
    (found,) = read.evaluations().values()
    assert len(found.queries) == len(mini.evaluations()["cross"].queries)
