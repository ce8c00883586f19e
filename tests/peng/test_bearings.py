from __future__ import annotations

import numpy as np
import pytest

from georet.errors import ConfigError, DataError
from georet.testing import check_reranker
from georet_peng.bearings.bits import (
    BINS,
    agrees,
    bits_of,
    canonical,
    log_chance,
    predicted_bits,
    streets_at,
)
from georet_peng.bearings.filtering import Bearings, views_of
from georet_peng.bearings.predicting import Directions, learn
from georet_peng.bearings.teaching import taught


@pytest.fixture(scope="module")
def weights(cities, peng_dir):
    path = peng_dir / "bearings.safetensors"
    directions, num = taught(cities, epochs=15)
    assert num == len(cities.training[0].streets)
    directions.save(path)
    return path


def certain(bearings_rad) -> np.ndarray:
    return np.where(streets_at(bearings_rad), 0.99, 0.01)


def test_bits_of_a_crossing():
    # North, east, south and 300 degrees, whose sector is 292.5 to 337.5.
    bits = bits_of(np.radians([0, 90, 180, 300]))
    assert bits.astype(int).tolist() == [1, 0, 1, 0, 1, 0, 0, 1]
    # Sectors 0, 2, 4, 7, turned back by one, are 7, 1, 3, 6: no turn makes a greater number.
    assert canonical(bits) == 2**7 + 2**6 + 2**3 + 2**1


@pytest.mark.parametrize("turn", range(8))
def test_a_turn_by_sectors_changes_bits_but_not_their_canonical_number(turn):
    bits = bits_of(np.radians([10, 100, 200]))
    turned = np.roll(bits, turn)
    assert canonical(turned) == canonical(bits)
    seen = np.ones(8, bool)
    assert agrees(bits, seen, turned, is_north_known=False)
    assert agrees(bits, seen, turned, is_north_known=True) == (turn == 0)


def test_agreeing_without_north_is_the_equality_of_canonical_numbers():
    seen, rng = np.ones(8, bool), np.random.default_rng(0)
    for one, other in rng.random((200, 2, 8)) < 0.4:
        same = canonical(one) == canonical(other)
        assert agrees(one, seen, other, is_north_known=False) == same


def test_what_is_not_seen_contradicts_nothing():
    chances = certain(np.radians([0, 90]))
    chances[BINS // 2 + 9 :] = np.nan
    bits, seen = predicted_bits(chances)
    assert bits[0]
    assert not seen[2]
    assert agrees(bits, seen, bits_of(np.radians([0, 90])), is_north_known=True)
    assert agrees(bits, seen, bits_of(np.radians([0])), is_north_known=True)
    assert not agrees(bits, seen, bits_of(np.radians([0, 270])), is_north_known=True)
    assert log_chance(np.full(BINS, np.nan), np.zeros(1), is_north_known=True) == 0


def test_right_bearings_are_likelier_than_wrong_ones():
    chances, own = certain(np.radians([0, 90, 180])), np.radians([0, 90, 180])
    right = log_chance(chances, own, is_north_known=True)
    # The mean log-probability of 72 directions, all right with 0.98: what the bound lets count.
    assert right == pytest.approx(np.log(0.98))
    assert right > log_chance(chances, own + np.pi / 2, is_north_known=True)
    turned = log_chance(chances, own + np.radians(35), is_north_known=False)
    assert turned == pytest.approx(right)


def test_true_directions_put_the_true_edge_before_those_that_differ(cities, town, weights):
    graph = cities.city
    for mode in ("filter", "weigh"):
        ranker = Bearings(weights=weights, graph=town, mode=mode)
        edges = list(range(len(graph.ends)))
        for node in range(0, len(graph.nodes), 5):
            chances = certain(graph.bearings_rad(node))
            order, gains = ranker.order(chances, edges, np.zeros(len(edges)))
            assert sorted(order.tolist()) == edges
            own = [edge for edge in edges if node in graph.ends[edge]]
            assert min(gains[own]) == pytest.approx(max(gains), abs=1e-9)
            assert (np.diff(gains[order]) <= 1e-12).all()


def test_an_edge_is_seen_from_both_ends_and_between(cities):
    graph = cities.city
    one, other = graph.ends[0]
    first, second, between = views_of(graph, 0)
    assert len(first) == len(graph.neighbours[one])
    assert len(second) == len(graph.neighbours[other])
    assert np.degrees(between[1] - between[0]) == pytest.approx(180)


def test_directions_are_learnt_and_turn_with_the_canvas(cities, weights):
    directions, graph = Directions.load(weights), cities.city
    from georet.data.images import read_image

    likely, unlikely = [], []
    for row in range(0, len(graph.photos), 2):
        canvas = read_image(graph.photos.paths[row])
        chances = directions(canvas)
        streets = streets_at(graph.bearings_rad(int(graph.photos.columns["node"][row])))
        likely += chances[streets].tolist()
        unlikely += chances[~streets].tolist()
        turned = directions(np.roll(canvas, 3 * canvas.shape[1] // 12, axis=1))
        assert np.abs(np.roll(chances, 18) - turned).max() < 1e-4
    # The share of pairs in the right order; chance is a half.
    order = np.mean(np.array(likely)[:, None] > np.array(unlikely)[None])
    assert order > 0.75


def test_the_same_seed_learns_the_same():
    rng = np.random.default_rng(0)
    canvases = list(rng.integers(0, 255, (4, 24, 48, 3), np.uint8))
    streets = rng.random((4, BINS)) < 0.2
    first, second = (learn(canvases, streets, seed=3, epochs=2) for _ in range(2))
    assert np.array_equal(first(canvases[0]), second(canvases[0]))


def test_it_keeps_the_contract_of_re_rankers(town, weights):
    check_reranker(lambda: Bearings(weights=weights, graph=town), finds_place=False)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(DataError, match="can't be read"):
        Directions.load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="can't be read"):
        Directions.load(path)
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(1, np.float32)}, path)
    with pytest.raises(DataError, match="other weights"):
        Directions.load(path)


def test_either_a_graph_or_a_data_set_is_needed(weights):
    with pytest.raises(ConfigError, match="either graph or dataset"):
        Bearings(weights=weights)
