"""Photos of known places, as a calibration needs them."""

from __future__ import annotations

from georet.plugins import Selection
from georet.testing.pixel_session import PixelSession


def test_queries_come_from_a_data_set_too(tmp_path):
    from georet.photos.known import embed_known, open_queries

    text = f"dataset:tiny:held-out?root={tmp_path}&num_places=4&num_held_out=6"
    photos = open_queries(text, selection=Selection.of(["georet.testing.plugin"]))
    assert "held-out" in photos.about
    photos.paths[2].write_bytes(b"broken")
    embeddings, latlon = embed_known(photos, PixelSession(), quota=0.2)
    assert embeddings.shape == (5, 32)
    assert latlon.tolist() == [photos.latlon[row].tolist() for row in (0, 1, 3, 4, 5)]
