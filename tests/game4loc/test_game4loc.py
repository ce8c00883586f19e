"""Game4Loc: the loss by hand, footprints, overlapping pairs, exclusive batches, a run."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from georet.cameras.pose import Pose
from georet.cli import main
from georet.config import ComponentSpec
from georet.errors import ConfigError, DataError
from georet.ground.tangent import Tangent
from georet.plugins import load_plugins
from georet.testing import check_loss, check_sampler
from georet.testing.synthetic import batch_of, embedded_batch, made_up_pairs
from georet.types import PairTable
from georet_game4loc.footprints import iou, seen
from georet_game4loc.loss import WeightedInfoNCE
from georet_game4loc.overlaps import Overlaps
from georet_game4loc.sampler import MutuallyExclusive

PLUGINS = ["sample4geo", "game4loc", "georet.testing.plugin"]


def with_iou(num=8, *shares):
    pairs = made_up_pairs(num)
    shares = shares or np.linspace(0.1, 1, num)
    return PairTable(pairs.views, pairs.pairs, columns={"iou": np.array(shares)})


def planar(angles):
    return torch.tensor([[math.cos(a), math.sin(a)] for a in angles], dtype=torch.float64)


Q, R = (0.0, 1.0), (0.3, 1.2)


def embedded_of(query, reference, *shares):
    table = with_iou(2, *shares)
    embedded = embedded_batch(
        {"query": query, "reference": reference}, batch_of(table, np.arange(2))
    )
    embedded.logit_scale = torch.tensor(2.0, dtype=torch.float64)
    return embedded


def test_the_loss_of_two_pairs_by_hand():
    shares, k = (1.0, 0.2), 5
    s = [[2 * math.cos(a - b) for b in R] for a in Q]
    by_hand = 0.0
    for i in (0, 1):
        smoothing = 1 - 1 / (1 + math.exp(-k * shares[i]))
        for scores in (s[i], [s[0][i], s[1][i]]):
            log_sum = math.log(sum(map(math.exp, scores)))
            by_hand += log_sum - (1 - smoothing) * scores[i] - smoothing * sum(scores) / 2
    found = WeightedInfoNCE(k=k)(embedded_of(planar(Q), planar(R), *shares))
    assert found.item() == pytest.approx(by_hand / 4, rel=1e-6)


@pytest.mark.parametrize(("share", "smoothing"), [(0.14, 0.3318), (0.39, 0.1246), (1.0, 0.0067)])
def test_the_smoothing_is_that_of_the_paper(share, smoothing):
    # With the same overlap everywhere the loss is cross-entropy with that label smoothing.
    embedded = embedded_of(planar(Q), planar(R), share, share)
    logits, target = 2 * planar(Q) @ planar(R).T, torch.arange(2)
    entropy = torch.nn.functional.cross_entropy
    by_torch = [entropy(x, target, label_smoothing=smoothing) for x in (logits, logits.T)]
    found = WeightedInfoNCE()(embedded)
    assert found.item() == pytest.approx((sum(by_torch) / 2).item(), abs=1e-4)


def test_the_gradient_of_the_loss_is_that_of_finite_differences():
    loss = WeightedInfoNCE()
    given = (planar(Q).requires_grad_(), planar(R).requires_grad_())
    assert torch.autograd.gradcheck(
        lambda q, r: loss(embedded_of(q, r, 0.9, 0.3)), given, atol=1e-3, eps=1e-4
    )


def test_the_loss_keeps_its_contract_and_wants_its_column():
    spec = ComponentSpec(name="game4loc:weighted_info_nce")
    made = load_plugins(PLUGINS).catalog.create("losses", spec)
    check_loss(made, pairs=with_iou())
    assert made.requires_columns == ("iou",)
    with pytest.raises(DataError, match="no column 'iou'"):
        check_loss(WeightedInfoNCE())


def square(east, north, side):
    half = side / 2
    steps = np.array([[-half, half], [half, half], [half, -half], [-half, -half]])
    return np.array([east, north]) + steps


def test_overlaps_of_squares_are_known():
    assert iou(square(0, 0, 2), square(0, 0, 2)) == pytest.approx(1, abs=1e-5)
    assert iou(square(0, 0, 2), square(1, 0, 2)) == pytest.approx(1 / 3, abs=1e-5)
    assert iou(square(0, 0, 4), square(0.5, 0.5, 2)) == pytest.approx(1 / 4, abs=1e-5)
    assert iou(square(0, 0, 2), square(5, 0, 2)) == 0
    # A square turned by 45 degrees over itself: an octagon, 2 (sqrt 2 - 1) of the square.
    turned = square(0, 0, 2) @ np.array([[1, -1], [1, 1]]) / math.sqrt(2)
    octagon = 2 * (math.sqrt(2) - 1)
    assert iou(square(0, 0, 2), turned) == pytest.approx(octagon / (2 - octagon), abs=1e-5)
    # Edges that nearly coincide, where single precision goes astray.
    shifts = np.linspace(0.01, 1.9, 40)
    near = [iou(square(0, 0, 2), square(d, 1e-9 * (-1) ** n, 2)) for n, d in enumerate(shifts)]
    assert near == pytest.approx((2 - shifts) / (2 + shifts), abs=1e-6)
    # Far away from the origin too.
    far = np.array([4e5, -7e5])
    assert iou(square(0, 0, 2) + far, square(1, 0, 2) + far) == pytest.approx(1 / 3, abs=1e-4)


def test_a_camera_that_looks_down_sees_a_rectangle_turned_by_its_heading():
    ground = seen(Pose(10, 20, 100), (74, 59))
    across, along = (100 * math.tan(math.radians(fov / 2)) for fov in (74, 59))
    by_hand = np.array([[-across, along], [across, along], [across, -along], [-across, -along]])
    assert ground == pytest.approx(by_hand + np.array([10, 20]), abs=0.1)
    east = seen(Pose(0, 0, 100, math.pi / 2), (74, 59))
    # Looking east the photo's top is in the east, its left in the north.
    assert east[0] == pytest.approx([along, across], abs=0.1)
    assert iou(ground - [10, 20], east) == pytest.approx(
        4 * along**2 / (8 * across * along - 4 * along**2), abs=1e-3
    )


def test_a_tilted_camera_sees_what_lies_ahead():
    ground = seen(Pose(0, 0, 100, 0, math.radians(30)), (60, 40))
    # Rows: 30 -+ 20 degrees off the vertical.
    assert ground[:2, 1] == pytest.approx(100 * math.tan(math.radians(50)), abs=0.2)
    assert ground[2:, 1] == pytest.approx(100 * math.tan(math.radians(10)), abs=0.2)
    above = seen(Pose(0, 0, 100, 0, math.radians(80)), (60, 40))
    assert np.linalg.norm(above, axis=1).max() <= 1000 + 1e-6


class Line:
    """Tiles on a line, 60 m apart and 100 m wide; photos 10 m east of each."""

    def __init__(self, num=6, **columns):
        self.num, self.columns = num, columns

    def train(self):
        plane = Tangent(46.0, 7.0)
        pairs = made_up_pairs(self.num)
        east = 60.0 * np.arange(self.num)[:, None] * [1, 0]
        views = {}
        for view, shift in (("query", 10.0), ("reference", 0.0)):
            table = pairs.views[view]
            told = {"side_m": np.full(self.num, 100.0)} if view == "reference" else self.columns
            latlon = plane.latlon(east + np.array([shift, 0]))
            views[view] = type(table)(table.ids, table.paths, latlon, told, view)
        columns = {"place": np.arange(self.num)}
        return PairTable(views, pairs.pairs, columns=columns)

    def evaluations(self):
        return {}


def of_line(line=None, **options):
    told = SimpleNamespace(create=lambda *_: line or Line())
    return Overlaps(ComponentSpec(name="line"), told, **options)


def test_all_overlapping_pairs_train_with_their_overlap():
    table = of_line(query_side_m=100, semi=0.14, positive=0.39).train()
    found = {
        tuple(pair): share
        for pair, share in zip(table.pairs.tolist(), table.columns["iou"], strict=True)
    }
    # Photo i lies 10 m east of tile i (90 of 110 m in common), 50 m west of tile i + 1 (50 of 150),
    # 70 m east of tile i - 1 (30 of 170).
    for i in range(6):
        assert found[i, i] == pytest.approx(90 / 110, abs=2e-3)
        if i < 5:
            assert found[i, i + 1] == pytest.approx(50 / 150, abs=2e-3)
            assert found[i + 1, i] == pytest.approx(30 / 170, abs=2e-3)
    assert len(found) == 6 + 5 + 5
    assert table.column("place").tolist() == table.pairs[:, 0].tolist()
    for pair, semi in zip(table.pairs.tolist(), table.semi_positives.tolist(), strict=True):
        others = {tile for photo, tile in found if photo == pair[0]} - {pair[1]}
        assert {row for row in semi if row >= 0} == others


def test_positives_alone_keep_semi_positives_apart_from_the_pairs():
    table = of_line(query_side_m=100, mode="pos").train()
    assert table.pairs.tolist() == [[i, i] for i in range(6)]
    assert set(table.semi_positives[2].tolist()) == {1, 3}


def test_overlaps_follow_from_the_pose_too():
    line = Line(altitude_m=np.full(6, 50.0), heading_deg=np.zeros(6))
    # 50 m high, 90 degrees: 100 m of ground.
    table = of_line(line, fov_deg=(90.0, 90.0)).train()
    assert len(table) == 16
    with pytest.raises(DataError, match="how high row 0"):
        of_line(fov_deg=(90.0, 90.0)).train()
    with pytest.raises(DataError, match="what row 0"):
        of_line().train()
    with pytest.raises(ConfigError, match=r"semi is 0\.5"):
        of_line(semi=0.5)
    with pytest.raises(DataError, match="no photo overlaps"):
        of_line(query_side_m=5).train()


def crowded(num=24):
    """Each photo with its own tile and the next one; the one before is a semi-positive."""
    pairs = made_up_pairs(num)
    rows = np.arange(num)
    both = np.concatenate([np.stack([rows, rows], 1), np.stack([rows, (rows + 1) % num], 1)])
    return PairTable(pairs.views, both, semi_positives=((both[:, 0] - 1) % num)[:, None])


def test_the_sampler_keeps_its_contract():
    spec = ComponentSpec(name="game4loc:mutually_exclusive")
    made = load_plugins(PLUGINS).catalog.create("samplers", spec)
    check_sampler(made)
    check_sampler(made, pairs=crowded(), batch_size=4)


def test_no_photo_meets_a_tile_that_it_overlaps_other_than_its_own():
    table = crowded()
    linked = set(map(tuple, table.pairs.tolist()))
    semi = table.semi_positives[:, 0].tolist()
    linked |= set(zip(table.pairs[:, 0].tolist(), semi, strict=True))
    for epoch in range(4):
        plan = MutuallyExclusive().plan(epoch, table, None, batch_size=6, seed=1)
        assert plan.batches.size + plan.info["num_dropped"] == len(table)
        assert plan.batches.size >= len(table) // 2
        for batch in plan.batches:
            rows = table.pairs[batch]
            for i, (photo, _) in enumerate(rows):
                for j, (_, tile) in enumerate(rows):
                    assert i == j or (photo, tile) not in linked
    with pytest.raises(ConfigError, match="not one batch of 13"):
        MutuallyExclusive(give_up=500).plan(0, table, None, batch_size=13, seed=1)


@pytest.mark.parametrize(
    "recipe", ["cityblocks", "gta-uav-cross", "gta-uav-same", "denseuav", "orbitview", "uav-visloc"]
)
def test_every_recipe_is_valid_by_its_name_alone(recipe):
    asked = ["config", "validate", "--recipe", f"game4loc/{recipe}", "--plugins", "game4loc"]
    assert main(asked) == 0
