"""One geometry for panorama and tile: what lies in one direction lies in one place of both."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from georet.contracts.building import BuildContext
from georet.errors import ConfigError
from georet.plugins import load_plugins
from georet.testing import check_backbone
from georet_panobev.warp import Polar, tile_around

SIZES = {"query": (32, 64), "reference": (32, 32)}
TRUNK = {"name": "sample4geo:timm", "model": "test_convnext", "weights": "none", "stage": 0}
GRID = {"name": "sample4geo:grid", "width": 4, "rows": 1, "columns": 4}
AZIMUTHS = {"north": 0.0, "east": 90.0, "west": -90.0, "north-east": 45.0}


def make(**options):
    catalog = load_plugins(["sample4geo", "panobev"]).catalog
    told = BuildContext(catalog, sizes=SIZES, views=tuple(SIZES))
    spec = {"name": "aligned", "trunk": {**TRUNK, "aggregator": GRID}, "side_m": 40.0, **options}
    return catalog.create("backbones", spec, context=told)


@pytest.mark.parametrize("way", ["above", "polar"])
def test_it_keeps_the_contract_of_backbones(way):
    torch.manual_seed(0)
    check_backbone(make(way=way), SIZES["query"], make=partial(make, way=way))


@pytest.mark.parametrize("azimuth", AZIMUTHS.values(), ids=AZIMUTHS)
def test_a_direction_is_a_column_of_the_polar_view(azimuth):
    right, down = tile_around(50, 360)
    column = round((azimuth / 360 + 0.5) * 360)
    for row, distance in {0: 0.5 * (1 - 0.5 / 50), 49: 0.5 * 0.5 / 50}.items():
        angle = math.radians(azimuth + 0.5)
        assert right[row, column].item() == pytest.approx(0.5 + distance * math.sin(angle))
        assert down[row, column].item() == pytest.approx(0.5 - distance * math.cos(angle))


def test_a_tile_that_is_turned_a_quarter_rolls_a_quarter():
    torch.manual_seed(0)
    tile = torch.rand(1, 3, 32, 32)
    polar = Polar(32, (16, 64))
    # Clockwise by a quarter: what was in the north is in the east, a quarter further to the right.
    turned = polar(tile.rot90(-1, dims=(2, 3)))
    torch.testing.assert_close(turned, polar(tile).roll(16, dims=3), rtol=1e-4, atol=1e-4)


def test_an_image_of_another_size_is_refused():
    with pytest.raises(ConfigError, match="the warp was made for"):
        make(way="polar")(torch.rand(1, 3, 64, 64), view="reference")
