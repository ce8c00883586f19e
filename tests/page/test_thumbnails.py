"""Small pictures inside a page."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from georet.page.thumbnails import Thumbnails, shrunk


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((20, 30), (20, 30)), ((200, 300), (100, 150)), ((200, 2000), (40, 400))],
)
def test_thumbnails_keep_their_shape_and_panoramas_get_flat(
    shape: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert shrunk(np.zeros((*shape, 3), np.uint8), 100).shape == (*wanted, 3)


def test_a_thumbnail_is_a_jpeg_inside_the_page(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "blue.png"), np.full((8, 8, 3), (255, 0, 0), np.uint8))
    picture = Thumbnails(64).picture(tmp_path / "blue.png", 'a "blue" tile')
    assert picture.startswith('<img src="data:image/jpeg;base64,/9j/')
    assert 'alt="a &quot;blue&quot; tile"' in picture
