"""Features of pictures: enough of them, also of small ones, and where they are."""

from __future__ import annotations

import cv2
import numpy as np

from georet.refiners.features import features_of, matches_of


def test_a_small_picture_has_features_enough_to_be_placed_by(site):
    ground = site.image[400:1120, 400:1120]
    small, moved = (
        cv2.resize(piece, (96, 96), interpolation=cv2.INTER_AREA)
        for piece in (ground[60:636, 60:636], ground[90:666, 96:672])
    )
    one, other = features_of(small), features_of(moved)
    pairs = matches_of(one, other)
    assert len(pairs) > 60
    off = one.points[pairs[:, 0]] - other.points[pairs[:, 1]]
    # 36 and 30 pixels of ground, six of which are one of the pictures.
    np.testing.assert_allclose(np.median(off, axis=0), [6.0, 5.0], atol=0.1)
