from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from georet.report.contact import chosen_hits, chosen_misses
from georet.report.judged import JudgedSet, RunReport
from georet.report.run_folder import read_run


@pytest.fixture
def judged(run: Any) -> JudgedSet:
    return RunReport(read_run(run.path), run.evaluations, run.pairs).judged


def test_hits_are_found_queries_of_different_references(judged: JudgedSet) -> None:
    rows = [case.query for case in chosen_hits(judged, 0)]
    assert len(rows) == len(set(judged.ranked.positive[rows])) == 8
    assert judged.hits[rows].all()


def test_misses_hold_the_worst_by_rank_and_by_distance(judged: JudgedSet) -> None:
    cases = {case.query: case.reason for case in chosen_misses(judged, 0)}
    missed = np.flatnonzero(~judged.hits)
    assert set(cases) == set(missed.tolist())  # there are only four
    assert cases[int(np.argmax(judged.ranked.rank))] == "worst rank"
    assert sorted(cases.values()).count("worst rank") == 3
    assert "farthest off" in cases.values()


def test_the_seed_alone_decides_what_is_drawn(judged: JudgedSet) -> None:
    assert chosen_hits(judged, 5) == chosen_hits(judged, 5)
    drawn = {tuple(c.query for c in chosen_hits(judged, seed)) for seed in range(6)}
    assert len(drawn) > 1


def test_right_wrong_and_semi_positive_tiles_are_told_apart(judged: JudgedSet) -> None:
    positive = judged.ranked.positive
    both = np.stack([positive, (positive + 1) % len(judged.data.gallery)], axis=1)
    judged = replace(judged, data=replace(judged.data, positives=both))
    kinds = [judged.kind_of(0, int(row)) for row in (*both[0], (positive[0] + 2) % 24)]
    assert kinds == ["right", "near", "wrong"]


def test_all_of_several_true_references_are_right(judged: JudgedSet) -> None:
    lists = [[int(row), (int(row) + 1) % 24] for row in judged.ranked.positive]
    judged = replace(judged, data=replace(judged.data, positives=lists))
    assert [judged.kind_of(0, row) for row in lists[0]] == ["right", "right"]


def test_tiles_carry_a_sign_a_score_and_a_distance(run: Any) -> None:
    page = run.report()
    assert len(page.all("li", "right")) == 9  # eight hits, and a miss at place 3
    assert len(page.all("li", "truth")) == 3  # the others have it beyond the top five
    assert "✓ 0.90" in page.text
    assert "✗ 0.80" in page.text
    assert "✗ missed, right one at place 12" in page.text
    wrong = [a["alt"] for a in page.all("img") if "wrong" in a.get("alt", "")]
    assert all(text.endswith((" m", " km")) for text in wrong)


def test_an_unreadable_image_leaves_a_box_and_a_count(run: Any, tmp_path: Any) -> None:
    which = run.evaluations["held-out"]
    torn = tmp_path / "torn.jpg"
    torn.write_bytes(which.queries.paths[0].read_bytes()[:50])
    paths = [torn, tmp_path / "gone.jpg", *which.queries.paths[2:]]
    sets = {"held-out": replace(which, queries=replace(which.queries, paths=paths))}
    page = replace(run, evaluations=sets).report()
    assert page.text.count("image missing") == len(page.all("span", "gap")) > 0
    assert "images could not be read." in page.text


def test_without_coordinates_tiles_are_shown_without_distance(run: Any) -> None:
    which = run.evaluations["held-out"]
    bare = replace(which, gallery=replace(which.gallery, latlon=None))
    page = replace(run, evaluations={"held-out": bare}).report()
    assert len(page.all("figure", "case")) == 12
    assert "farthest off" not in page.text
    assert page.text.count("don't both have coordinates.") == 2  # map and errors


def test_a_panorama_gets_a_row_of_its_own(run: Any, tmp_path: Any) -> None:
    which = run.evaluations["held-out"]
    cv2.imwrite(str(tmp_path / "wide.png"), np.full((20, 60, 3), 90, np.uint8))
    paths = [tmp_path / "wide.png", *which.queries.paths[1:]]
    sets = {"held-out": replace(which, queries=replace(which.queries, paths=paths))}
    page = replace(run, evaluations=sets).report()
    assert len(page.all("figure", "panorama")) == 1
    assert len(page.all("figure", "case")) == 12
