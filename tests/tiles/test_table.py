"""A table of tiles holds no number that can't be a tile's place."""

from __future__ import annotations

import numpy as np
import pytest

from georet.errors import DataError
from georet.facade import Gallery
from georet.testing.pixel_session import PixelSession
from georet.tiles.table import TileTable


def columns():
    latlon = np.array([[47.0, 8.0], [47.1, 8.0], [47.2, 8.0]])
    corners = latlon[:, None] + 0.01 * np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]])
    return {
        "ids": ["a", "b", "c"],
        "latlon": latlon,
        "corners_latlon": corners,
        "side_m": np.full(3, 500.0),
    }


@pytest.mark.parametrize(
    ("column", "place", "value"),
    [
        ("latlon", (1, 0), np.nan),
        ("latlon", (1, 0), 95.0),
        ("latlon", (1, 1), np.inf),
        ("latlon", (1, 1), 1e9),
        ("corners_latlon", (1, 2, 0), np.nan),
        ("corners_latlon", (1, 2, 1), 1e4),
        ("side_m", 1, np.nan),
        ("side_m", 1, np.inf),
        ("side_m", 1, 0.0),
        ("side_m", 1, -5.0),
    ],
)
def test_a_number_that_is_no_tiles_is_refused_with_the_tiles_name(column, place, value):
    values = columns()
    values[column][place] = value
    with pytest.raises(DataError, match="tile 'b'"):
        TileTable(**values)


@pytest.mark.parametrize("name", ["\udcff", 7])
def test_an_id_that_no_file_can_hold_is_refused(name):
    with pytest.raises(DataError, match="id"):
        TileTable(**{**columns(), "ids": ["a", name, "c"]})


def test_a_tile_over_the_antimeridian_is_a_tile():
    values = columns()
    values["latlon"][:, 1], shift = 179.995, 179.995 - 8.0
    values["corners_latlon"][:, :, 1] += shift
    assert len(TileTable(**values)) == 3


@pytest.mark.parametrize("rows", [2, 4])
def test_embeddings_for_other_tiles_than_the_tables_make_no_gallery(rows, tmp_path):
    identity = PixelSession(view="reference").identity
    embeddings = np.eye(rows, identity.embed_dim, dtype=np.float32)
    with pytest.raises(DataError, match="has 3 tiles"):
        Gallery.from_arrays(tmp_path / "g", TileTable(**columns()), embeddings, identity)
    assert not (tmp_path / "g").exists()


def test_a_thumbnail_that_is_no_bytes_makes_no_gallery(tmp_path):
    identity = PixelSession(view="reference").identity
    embeddings = np.eye(3, identity.embed_dim, dtype=np.float32)
    with pytest.raises(DataError, match="row 1 is a str"):
        Gallery.from_arrays(
            tmp_path / "g",
            TileTable(**columns()),
            embeddings,
            identity,
            thumbnails=[b"", "not bytes", None],
        )
