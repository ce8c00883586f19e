"""What the head learns, how photos are judged, and what is held out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from georet.errors import DataError
from georet.ground.region import Region
from georet.ground.tangent import Tangent
from georet.ground.wgs84 import square_corners
from georet.pretrained.making import run_folder
from georet.tiles.table import TileTable
from georet_ortho.adapting.base import embedded, head_of, maps_of, open_base
from georet_ortho.adapting.judging import cosines, is_better, score_of
from georet_ortho.adapting.learning import Material, learn
from georet_ortho.blocks import Blocks, held_blocks

from .conftest import ENCODER, painted

SIDE = 100.0
PLACE = Tangent(47.0, 8.0)


def grid(columns: int, rows: int) -> TileTable:
    """Tiles beside each other, row by row from the south-west."""
    x, y = np.meshgrid(np.arange(columns) * SIDE, np.arange(rows) * SIDE)
    latlon = PLACE.latlon(np.column_stack([x.ravel(), y.ravel()]))
    sides = np.full(len(latlon), SIDE)
    ids = [str(n) for n in range(len(latlon))]
    return TileTable(ids, latlon, square_corners(latlon, sides), sides)


@pytest.fixture(scope="module")
def base():
    from georet.plugins import UNSAID

    return open_base(run_folder(ENCODER), 64, UNSAID)


def test_the_trunk_stays_and_the_head_learns_what_noise_hides(base):
    """Photos are tiles under a change that hides them from a plain mean; new ones are found."""
    rng = np.random.default_rng(0)
    tiles = torch.from_numpy(rng.normal(0, 1, (128, 80, 4, 4)).astype(np.float32))
    loud = torch.zeros(1, 80, 1, 1)
    loud[:, :40] = 4.0

    def photos_of(number: int) -> torch.Tensor:
        noise = np.random.default_rng(number).normal(0, 1, tiles.shape).astype(np.float32)
        return (tiles + loud * torch.from_numpy(noise)).half()

    def recall(encoder) -> float:
        scores = embedded(encoder, photos_of(9)) @ embedded(encoder, tiles.half()).T
        return float((scores.argmax(dim=1) == torch.arange(128)).float().mean())

    encoder = base.fresh(0)
    before, trunk = recall(encoder), encoder.branch("query").backbone.trunk.state_dict()
    kept = {name: value.clone() for name, value in trunk.items()}
    places = rng.uniform(0, 1e5, (128, 2))
    material = Material(tiles.half(), photos_of(1), places, SIDE)
    learn(encoder, material, seed=0, epochs=20)
    assert recall(encoder) > before + 0.1
    for name, value in encoder.branch("query").backbone.trunk.state_dict().items():
        assert torch.equal(value, kept[name])


def test_the_same_seed_learns_the_same(base):
    rng = np.random.default_rng(0)
    tiles = torch.from_numpy(rng.normal(0, 1, (64, 80, 4, 4)).astype(np.float32)).half()
    material = Material(tiles, tiles, rng.uniform(0, 1e4, (64, 2)), SIDE)
    heads = []
    for _ in range(2):
        encoder = base.fresh(3)
        learn(encoder, material, seed=3, epochs=2)
        heads.append(head_of(encoder).state_dict())
    assert all(torch.equal(heads[0][name], heads[1][name]) for name in heads[0])


def test_cached_maps_embed_as_the_whole_encoder_does(base):
    images = np.stack([painted(64, 64, seed) for seed in range(3)])
    encoder = base.fresh(0)
    cached = embedded(encoder, maps_of(base.mapper(), images))
    with torch.inference_mode():
        whole = encoder.embed("reference", torch.from_numpy(images))
    assert (cached * whole).sum(dim=1).min() > 0.9999


def test_the_untrained_trunk_is_the_given_one(base):
    images = np.stack([painted(64, 64, 1)])
    given = maps_of(base.untrained, images).float()
    assert torch.allclose(maps_of(base.mapper(), images).float(), given, atol=1e-2)


def test_right_is_the_tile_on_whose_ground_the_photo_looks():
    tiles = grid(3, 2)
    looks = PLACE.latlon(np.array([[0.0, 0.0], [140.0, 10.0], [151.0, 10.0]]))
    scores = torch.eye(6)[[0, 1, 1]]
    found = score_of(scores, looks, tiles)
    assert found.hits.tolist() == [True, True, False]
    assert found.recall_1 == pytest.approx(200 / 3)
    assert found.median_m == pytest.approx(np.hypot(40, 10), abs=0.1)


def test_of_several_turns_the_best_counts():
    tiles = torch.eye(3)
    queries = torch.tensor([[0.1, 0, 0], [0, 0.9, 0], [0, 0, 0.5], [0.4, 0, 0]])
    found = cosines(queries, tiles, turns=2)
    assert found.argmax(dim=1).tolist() == [1, 2]


def test_better_means_beyond_chance():
    worse = np.zeros(40, np.bool_)
    some, many = worse.copy(), worse.copy()
    some[:3] = True
    many[:12] = True
    assert is_better(many, worse)
    assert not is_better(some, worse)
    assert not is_better(worse, worse)
    assert not is_better(worse, many)


def test_about_a_quarter_of_the_area_is_held_out_in_whole_blocks():
    tiles = grid(24, 24)
    blocks = held_blocks(tiles.latlon, SIDE, 0)
    share = blocks.is_held(tiles.latlon).mean()
    assert 0.15 < share < 0.4
    assert (held_blocks(tiles.latlon, SIDE, 0).held == blocks.held) is True
    clear = blocks.is_clear(tiles.latlon, 1.1 * SIDE)
    metres = PLACE.metres(tiles.latlon)
    held = metres[blocks.is_held(tiles.latlon)]
    nearest = np.linalg.norm(metres[clear][:, None] - held[None], axis=2).min(axis=1)
    assert clear.any()
    assert nearest.min() > 1.1 * SIDE


def test_a_region_holds_out_what_it_covers():
    tiles = grid(6, 1)
    middle = PLACE.latlon(np.array([[250.0, 0.0]]))[0, 1]
    region = Region.parse(f"box:{middle},40,9,50")
    blocks = Blocks(PLACE, 1.0, frozenset(), region)
    assert blocks.is_held(tiles.latlon).tolist() == [False] * 3 + [True] * 3


def test_an_area_too_small_to_hold_anything_out_is_refused():
    with pytest.raises(DataError, match="too small"):
        held_blocks(grid(2, 2).latlon, SIDE, 0)
