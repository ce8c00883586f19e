"""The table of protocols: every id of the field, what it counts, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from georet.blame import Maker, mark
from georet.errors import DataError, UsageError
from georet.evaluate import (
    PROTOCOLS,
    described,
    evaluate_embeddings,
    metrics_of,
    protocol_of,
    rank_embeddings,
    sdm,
)
from georet.geodesy import destination
from georet.plugins import load_plugins
from georet.testing.protocol_check import drawn_ranking

RECALLS = {"recall@1", "recall@5", "recall@10", "recall@1%"}
METRES = {f"within_{m}m" for m in (1, 5, 25, 50, 100, 1000)} | {"median_error_m", "p90_error_m"}
KILOMETRES = {"within_200km", "within_500km", "median_error_m", "p90_error_m"}
SDM = {f"sdm@{k}" for k in (1, 3, 5, 10)}
KEYS = {
    "cvusa/sample4geo": RECALLS,
    "cvusa/safa": RECALLS,
    "cvact-val/sample4geo": RECALLS,
    "cvact-val/safa": RECALLS,
    "cvact-test/id": RECALLS,
    "cvact-test/geo5m": RECALLS | METRES,
    "vigor-same/sample4geo": RECALLS | {"hit_rate"},
    "vigor-same/vigor": RECALLS | {"hit_rate"},
    "vigor-cross/sample4geo": RECALLS | {"hit_rate"},
    "vigor-cross/vigor": RECALLS | {"hit_rate"},
    "university-1652/d2s": RECALLS | {"ap"},
    "university-1652/s2d": RECALLS | {"ap"},
    "university-1652/multi": RECALLS | {"ap"},
    "sdm/denseuav": RECALLS | METRES | SDM,
    "sdm/gta-uav": RECALLS | METRES | SDM,
    "recall": RECALLS,
    "recall/scaled": RECALLS,
    "metres": METRES,
    "orbitview": RECALLS,
}


@pytest.fixture
def positions():
    """Query 2 lies on its reference, 0 and 1 lie 4 and 6 metres from another one than their own."""
    reference_latlon = np.array([[10.0, 20.0], [10.0, 20.1], [10.0, 20.2], [10.0, 20.3]])
    query_latlon = destination(reference_latlon[[1, 2, 1]], 0.7, np.array([4.0, 6.0, 0.0]))
    return {"query_latlon": query_latlon, "reference_latlon": reference_latlon}


def test_every_protocol_is_tested():
    assert PROTOCOLS.keys() == KEYS.keys()


@pytest.mark.parametrize("name", KEYS)
def test_a_protocol_returns_its_metrics_in_their_ranges(query, reference, positions, name):
    given = positions if PROTOCOLS[name].needs_latlon else {}
    found = evaluate_embeddings(query, reference, np.array([0, 1, 1]), protocol=name, **given)
    assert found.keys() == KEYS[name]
    shares = [value for key, value in found.items() if not key.endswith("_m")]
    assert all(0 <= share <= 100 for share in shares)
    assert all(type(value) is float for value in found.values())


def test_errors_are_told_wherever_there_are_coordinates(query, reference, positions):
    cvusa, orbitview = (
        evaluate_embeddings(query, reference, [[0], [1], [1]], protocol=name, **positions)
        for name in ("cvusa", "orbitview")
    )
    assert cvusa.keys() == RECALLS | METRES
    assert orbitview.keys() == RECALLS | KILOMETRES


def test_a_short_name_is_the_sample4geo_variant():
    assert protocol_of("vigor-cross") is PROTOCOLS["vigor-cross/sample4geo"]


@pytest.mark.parametrize(
    ("typed", "meant"), [("cvusa/sampel4geo", "cvusa/sample4geo"), ("orbit-view", "orbitview")]
)
def test_an_unknown_protocol_is_refused_with_the_closest_one(query, reference, typed, meant):
    with pytest.raises(
        UsageError, match=f"unknown protocol '{typed}'(.|\n)*did you mean '{meant}'"
    ):
        evaluate_embeddings(query, reference, [[0], [1], [1]], protocol=typed)


def test_the_two_protocols_of_cvact_test_count_other_tiles(query, reference, positions):
    # The best tiles are 0, 3 and 3; within five metres lie 1, none and 1, at the places 1, - and 1.
    own = np.array([0, 2, 1])
    by_id, by_distance = (
        rank_embeddings(query, reference, own, protocol=f"cvact-test/{name}", **positions)
        for name in ("id", "geo5m")
    )
    assert by_id.rank.tolist() == [0, 1, 1]
    assert by_distance.rank.tolist() == [1, -1, 1]
    assert metrics_of(by_id, "cvact-test/id")["recall@1"] == pytest.approx(100 / 3)
    assert metrics_of(by_distance, "cvact-test/geo5m")["recall@5"] == pytest.approx(200 / 3)


def test_distance_alone_defines_positives_where_the_protocol_says_so(query, reference, positions):
    given = {"protocol": "cvact-test/geo5m", **positions}
    assert evaluate_embeddings(query, reference, None, **given) == evaluate_embeddings(
        query, reference, [[3], [3], [3]], **given
    )


@pytest.mark.parametrize("name", ["metres", "cvact-test/geo5m", "sdm/denseuav", "sdm/gta-uav"])
def test_a_protocol_that_needs_coordinates_says_which_are_missing(
    query, reference, positions, name
):
    with pytest.raises(UsageError, match="needs coordinates; missing: query_latlon, reference"):
        evaluate_embeddings(query, reference, [[0], [1], [1]], protocol=name)
    del positions["query_latlon"]
    with pytest.raises(UsageError, match=r"needs coordinates; missing: query_latlon\s"):
        evaluate_embeddings(query, reference, [[0], [1], [1]], protocol=name, **positions)


def test_a_ranking_too_short_for_a_protocol_is_refused(query, reference, positions):
    ranking = rank_embeddings(query, reference, [[0], [1], [1]], top_k=4, **positions)
    with pytest.raises(DataError, match="keeps 4 references a query, protocol 'sdm/gta-uav'"):
        metrics_of(ranking, "sdm/gta-uav")


def test_sdm_protocols_differ_in_unit_and_decay(query, reference, positions):
    ranking = rank_embeddings(
        query, reference, [[0], [1], [1]], protocol="sdm/denseuav", **positions
    )
    degrees, metres = (metrics_of(ranking, f"sdm/{n}")["sdm@3"] for n in ("denseuav", "gta-uav"))
    assert degrees == sdm(ranking, 3, unit="degrees", decay=5e3)
    assert metres == sdm(ranking, 3, unit="metres", decay=1e-3)
    assert degrees != metres


def test_a_result_carries_its_rules_and_counts(query, reference):
    ranking = rank_embeddings(query, reference, [[0], [], [1]])
    told = protocol_of("university-1652/d2s").describe(ranking)
    assert told["protocol"] == "university-1652/d2s"
    assert told["percent_rule"] == "round(0.01R)+1"
    assert "ties" in told["tie_rule"]
    assert (told["num_queries"], told["num_references"], told["num_without_match"]) == (3, 4, 1)


def test_georets_own_are_components_that_say_what_they_count():
    catalog = load_plugins(["none"]).catalog
    listed = {entry.component.name: entry.component for entry in catalog.entries("protocols")}
    assert {name: one.summary for name, one in listed.items()} == {
        name: protocol.text for name, protocol in PROTOCOLS.items()
    }
    assert all(catalog.create("protocols", name) is PROTOCOLS[name] for name in listed)


def test_a_plugin_that_hands_on_one_of_georets_reports_under_its_name():
    ranking = drawn_ranking("recall")
    mine = replace(PROTOCOLS["recall"])
    mark(mine, Maker("protocols", "mine:again", "plugin 'mine'"))
    assert described(mine, ranking)["protocol"] == "mine:again"
    assert described(PROTOCOLS["recall"], ranking)["protocol"] == "recall"
