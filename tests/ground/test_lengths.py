"""Lengths as people type them."""

from __future__ import annotations

from georet.ground.lengths import lengths_m


def test_lengths_are_read_as_people_type_them() -> None:
    assert lengths_m(["420km", "100m,1.5 km", "72"], where="x") == (420e3, 100.0, 1500.0, 72.0)
