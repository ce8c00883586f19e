"""The figures of the reference implementation, from the same embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from georet.evaluate import evaluate_embeddings
from georet.sampling import visual_neighbours


def rows_of(ids, wanted):
    row = {int(name): i for i, name in enumerate(ids)}
    return np.array([row[int(name)] for name in wanted])


def one_to_one(goldens):
    inputs = goldens.inputs
    positives = rows_of(inputs["one_reference_id"], inputs["one_query_id"])
    return inputs["one_query"], inputs["one_reference"], positives


@pytest.mark.parametrize("protocol", ["cvusa/sample4geo", "cvact-val/sample4geo", "cvact-test/id"])
def test_recall_with_one_positive_is_that_of_the_reference_implementation(goldens, protocol):
    found = evaluate_embeddings(*one_to_one(goldens), protocol=protocol)
    expected = dict(goldens.figures["one_positive"])
    expected["recall@1%"] = expected.pop("recall@top1")
    assert {name: round(value, 4) for name, value in found.items()} == expected


@pytest.mark.parametrize("protocol", ["vigor-same/sample4geo", "vigor-cross/sample4geo"])
def test_recall_and_hit_rate_with_semi_positives_are_those_of_the_reference(goldens, protocol):
    inputs = goldens.inputs
    found = evaluate_embeddings(
        inputs["vigor_query"],
        inputs["vigor_reference"],
        inputs["vigor_positive"],
        protocol=protocol,
    )
    expected = dict(goldens.figures["vigor"])
    expected["recall@1%"] = expected.pop("recall@top1")
    assert {name: round(value, 4) for name, value in found.items()} == expected


def test_the_university_protocol_is_that_of_the_reference_implementation(goldens):
    inputs = goldens.inputs
    ids = inputs["uni_gallery_id"]
    positives = [np.flatnonzero(ids == name) for name in inputs["uni_query_id"]]
    found = evaluate_embeddings(
        inputs["uni_query"],
        inputs["uni_gallery"],
        positives,
        junk=np.flatnonzero(ids == -1),
        protocol="university-1652/d2s",
    )
    expected = dict(goldens.figures["university"])
    assert sum(not len(p) for p in positives) == expected.pop("queries_without_match")
    expected.pop("note")
    expected["recall@1%"] = expected.pop("recall@top1")
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("chunk", [97, 16384])
def test_the_hardest_references_are_those_that_the_reference_implementation_mines(goldens, chunk):
    inputs = goldens.inputs
    neighbours = visual_neighbours(*one_to_one(goldens), 16, chunk)
    mined = goldens.figures["mined_16"]
    rows = rows_of(inputs["one_query_id"], mined)
    found = {
        name: set(inputs["one_reference_id"][neighbours[row]].tolist())
        for name, row in zip(mined, rows, strict=True)
    }
    assert found == {name: set(ids) for name, ids in mined.items()}
