"""What a table of images knows of them: typed fields that are columns too, and their checks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from georet.errors import DataError
from georet.types import Batch, ImageTable, PairTable


def images(num=2, **fields):
    ids = [f"image{i}" for i in range(num)]
    return ImageTable(ids, [Path(i) for i in ids], **fields)


CORNERS = np.array([[[1, 0], [1, 1], [0, 1], [0, 0]], np.full((4, 2), np.nan)], np.float64)
FIELDS = {
    "corners_latlon": CORNERS,
    "side_m": np.array([300.0, np.nan]),
    "heading_deg": np.array([350.0, -10.0]),
    "altitude_m": np.array([np.nan, 80.0]),
}


def test_a_field_is_a_column_and_a_column_of_its_name_the_field():
    by_field, by_column = images(**FIELDS), images(columns=FIELDS)
    for name, values in FIELDS.items():
        for table in (by_field, by_column, by_column.take(np.array([0, 1]))):
            np.testing.assert_array_equal(getattr(table, name), values)
            np.testing.assert_array_equal(table.column(name), values)
    taken = by_field.take(np.array([1]))
    assert taken.altitude_m.tolist() == [80]
    assert taken.corners_latlon.shape == (1, 4, 2)
    nothing = by_field.take(np.array([], int))
    assert nothing.altitude_m.shape == (0,)
    assert nothing.corners_latlon.shape == (0, 4, 2)
    assert images().heading_deg is None
    assert images().columns == {}


def test_a_field_that_is_replaced_replaces_the_column():
    table = replace(images(columns={"heading_deg": [1, 2]}), heading_deg=np.array([3, 4]))
    assert table.heading_deg.tolist() == [3, 4]
    assert table.heading_deg.dtype == np.float64
    assert table.columns["heading_deg"].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("heading_deg", ["north", "south"], "wanted numbers"),
        ("heading_deg", [0.0], "has 1 rows, ids have 2"),
        ("heading_deg", [np.inf, 0], "of 'image0' is inf"),
        ("altitude_m", [[1.0], [2.0]], r"has shape \[2, 1\], wanted \[2\]"),
        ("side_m", [300, 0], "'side_m' of 'image1' is 0"),
        ("side_m", [-1, np.nan], "'side_m' of 'image0' is -1"),
        ("corners_latlon", CORNERS[:, :3], r"has shape \[2, 3, 2\], wanted \[2, 4, 2\]"),
        ("corners_latlon", np.full((2, 4, 2), 500.0), "of 'image0' is"),
        ("corners_latlon", np.where(CORNERS == 1, np.nan, CORNERS), "of 'image0' is"),
    ],
)
def test_what_contradicts_itself_is_named_with_its_image(name, values, said):
    for given in ({name: values}, {"columns": {name: values}}):
        with pytest.raises(DataError, match=said) as caught:
            images(name="tiles", **given)
        assert "tiles" in str(caught.value)


def test_batches_have_them_of_the_images_that_are_shown():
    views = {"query": images(**FIELDS), "reference": images(side_m=np.array([10.0, 20.0]))}
    table = PairTable(views, np.array([[0, 1], [1, 0]]))
    rows = {"query": np.array([1, 0]), "reference": np.array([0, 1])}
    batch = Batch({}, np.array([1, 0]), rows, table, epoch=0, step=0)
    assert batch.image_column("query", "heading_deg").tolist() == [-10, 350]
    assert batch.image_column("query", "corners_latlon").shape == (2, 4, 2)
    assert batch.image_column("reference", "side_m").tolist() == [10, 20]


def test_places_in_a_plane_are_columns_by_their_names():
    assert images().plane_m is None
    plane = images(columns={"easting_m": np.array([1, 2]), "northing_m": np.array([3, 4])}).plane_m
    assert plane.tolist() == [[1, 3], [2, 4]]
