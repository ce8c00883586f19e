from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from georet.errors import DataError
from georet.types import Batch, ImageTable, PairTable


def images(num: int, name: str = "images", **options) -> ImageTable:
    ids = [f"{name}{i}" for i in range(num)]
    return ImageTable(ids, [Path(i) for i in ids], name=name, **options)


def table(pairs: list[list[int]], num: int = 4, **options) -> PairTable:
    views = {"query": images(num, "query"), "reference": images(num, "reference")}
    return PairTable(views, np.array(pairs), **options)


def test_a_duplicate_id_is_named_with_its_table() -> None:
    with pytest.raises(DataError, match="tiles: duplicate id 'b'"):
        ImageTable(["a", "b", "b"], [Path("x")] * 3, name="tiles")


@pytest.mark.parametrize("place", [[91.0, 0.0], [-90.1, 0.0], [0.0, 400.0], [np.nan, 0.0]])
def test_a_position_off_the_globe_is_named_with_its_image(place: list[float]) -> None:
    with pytest.raises(DataError, match="images1") as caught:
        images(2, latlon=np.array([[45.0, 7.0], place]))
    assert "latitude" in str(caught.value)


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(DataError, match="'yaw' has 3 rows"):
        images(2, columns={"yaw": np.zeros(3)})
    with pytest.raises(DataError, match="'weight'"):
        table([[0, 0]], columns={"weight": np.zeros(2)})


def test_rows_can_be_taken_in_any_order() -> None:
    taken = images(3, latlon=np.arange(6.0).reshape(3, 2)).take(np.array([2, 0]))
    assert taken.ids == ["images2", "images0"]
    assert taken.latlon is not None
    assert taken.latlon.tolist() == [[4, 5], [0, 1]]


def test_pairs_must_point_into_their_tables() -> None:
    with pytest.raises(DataError, match="4 reference images"):
        table([[0, 4]])
    with pytest.raises(DataError, match="shape"):
        table([[0, 1, 2]])


def test_the_first_two_views_have_fixed_names_and_further_ones_may_be_absent() -> None:
    views = {"query": images(2), "reference": images(2), "street": images(1)}
    pairs = PairTable(views, np.array([[0, 0, -1], [1, 1, 0]]))
    assert len(pairs) == 2
    with pytest.raises(DataError, match="first two"):
        PairTable({"reference": images(2), "query": images(2)}, np.array([[0, 0]]))


def test_a_table_says_whether_references_own_several_pairs() -> None:
    assert table([[0, 0], [1, 0]]).is_many_to_one
    assert not table([[0, 0], [1, 1]]).is_many_to_one


@pytest.mark.parametrize(
    ("alternatives", "words"),
    [
        ({"street": [[0], [1]]}, "given for 'street', the views are query, reference"),
        ({"query": [[0]]}, "have 1 rows, there are 2 pairs"),
        ({"query": [[0], [4]]}, "outside the 4 query images"),
        ({"query": np.array([[0, -1], [1, -2]])}, "outside the 4 query images"),
    ],
)
def test_alternatives_must_fit_pairs_and_tables(alternatives, words) -> None:
    with pytest.raises(DataError, match=words):
        table([[0, 0], [1, 1]], alternatives=alternatives)


def test_a_pair_that_lacks_a_view_shows_none_of_it() -> None:
    views = {"query": images(2), "reference": images(2), "street": images(3)}
    rows = np.array([[0, 0, -1], [1, 1, 0]])
    pairs = PairTable(views, rows, alternatives={"street": [[1, 2], [1, 2]]})
    shown = [pairs.draw("street", np.arange(2), np.full(2, x)).tolist() for x in (0.0, 0.99)]
    assert shown == [[-1, 1], [-1, 2]]


def test_the_mask_marks_semi_positives_and_other_pairs_of_the_same_tile() -> None:
    pairs = table([[0, 0], [1, 1], [2, 0]], semi_positives=np.array([[1, -1], [-1, -1], [3, -1]]))
    rows = np.arange(3)
    batch = Batch({}, rows, {"query": rows, "reference": pairs.pairs[:, 1]}, pairs, epoch=0, step=0)
    assert batch.semi_positive_mask.tolist() == [
        [False, True, True],
        [False, False, False],
        [True, False, False],
    ]
