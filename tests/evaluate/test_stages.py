"""Stages after the ranking: what they see of an evaluation set, and what is told of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from georet.blame import Maker, mark
from georet.config import DataConfig
from georet.contracts.refining import Camera, Refinement
from georet.contracts.searching import Reranked
from georet.data.images import read_image
from georet.errors import ComponentError, DataError
from georet.evaluate import Protocol
from georet.evaluate.evaluator import evaluate_sets, num_images, summary
from georet.evaluate.stages import Stage, in_words
from georet.geodesy import distance_m
from georet.ground.images import corners_of
from georet.testing import tiny_dataset
from georet.types import EvaluationSet, ImageTable

MAKER = Maker("rerankers", "mine:one", "plugin 'mine' (georet-mine 1.2)")


class Colours:
    """Embeds images by their mean colour, which tells tiny places apart only so well."""

    data = DataConfig()

    def table(self, view: str, table: ImageTable, advance: Any, **_: Any) -> np.ndarray:
        advance(len(table))
        rows = [read_image(path).mean(axis=(0, 1)) - 128 for path in table.paths]
        return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)


@pytest.fixture(scope="module")
def judged_set(tmp_path_factory) -> EvaluationSet:
    """Return the tiny set with ground sizes of tiles and headings of photos."""
    found = tiny_dataset(tmp_path_factory.mktemp("tiny"), num_places=6).evaluations()["held-out"]
    num = len(found.queries)
    tilts = {"tilt_deg": np.where(np.arange(num) % 2, np.nan, 12.0)}
    return replace(
        found,
        queries=replace(
            found.queries,
            columns=tilts,
            heading_deg=np.linspace(0, 350, num),
            altitude_m=np.linspace(40, 120, num),
        ),
        gallery=replace(found.gallery, side_m=np.full(len(found.gallery), 500.0)),
    )


def bare_gallery(which, **fields):
    """Return a gallery's table without what isn't in every table, but with ``fields``."""
    return ImageTable(which.gallery.ids, which.gallery.paths, **fields)


def staged(which, component, kind="rerankers", top=6, metrics=(), known=()):
    mark(component, MAKER)
    stages = [Stage(component, kind, MAKER.id, top, known=known)]
    steps = []
    result = evaluate_sets(
        Colours(),  # type: ignore[arg-type]
        {"set": which},
        top_k=3,
        metrics=metrics,
        stages=stages,
        advance=steps.append,
    )["set"]
    assert sum(steps) == num_images({"set": which}, 1)
    return result


class Truthful:
    """Puts a query's own tile first, wherever it stands among the candidates."""

    max_candidates = 10

    def __init__(self, which):
        positives = which.positives.reshape(-1).tolist()
        self.right = dict(zip(which.queries.paths, positives, strict=True))
        self.seen = []

    def __call__(self, query, candidates, context):
        self.seen.append((query, candidates, context))
        is_wrong = np.array([tile.row != self.right[query] for tile in context.tiles])
        return Reranked(np.argsort(is_wrong, kind="stable"), -is_wrong.astype(float), "I know")


def test_figures_stand_with_and_without_the_stage(judged_set):
    plain = evaluate_sets(Colours(), {"set": judged_set}, top_k=3)["set"]  # type: ignore[arg-type]
    result = staged(judged_set, Truthful(judged_set))
    assert result.metrics == plain.metrics
    assert np.array_equal(result.ranking.top, plain.ranking.top)
    (after,) = result.stages
    within = 100 * np.mean(plain.ranking.rank < 6)
    assert after.metrics["recall@1"] == pytest.approx(within)
    assert after.metrics["recall@1"] > plain.metrics["recall@1"]
    assert after.num_touched == np.sum((plain.ranking.rank > 0) & (plain.ranking.rank < 6))
    assert after.reasons == {"I know": len(judged_set.queries)}
    assert after.seconds > 0
    assert result.rows("set") == {"set": plain.metrics, "set + mine:one": after.metrics}


def test_the_result_says_who_did_what_to_how_many(judged_set):
    result = staged(judged_set, Truthful(judged_set))
    told = summary("set", judged_set, result, {})
    (stage,) = told["stages"]
    assert (stage["stage"], stage["kind"], stage["top"]) == ("mine:one", "rerankers", 6)
    assert stage["owner"] == "plugin 'mine' (georet-mine 1.2)"
    assert stage["share_touched"] == pytest.approx(100 * stage["num_touched"] / 12)
    assert stage["seconds_per_query"] > 0
    assert stage["metrics"] == result.stages[0].metrics
    (line,) = in_words(result.stages[0])
    assert f"mine:one (best 6) reordered {stage['num_touched']} of 12 queries" in line
    assert "stages" not in summary("set", judged_set, replace(result, stages=()), {})


def test_a_reranker_sees_files_pixels_places_and_embeddings(judged_set):
    truthful = Truthful(judged_set)
    staged(judged_set, truthful)
    query, candidates, context = truthful.seen[0]
    assert query == judged_set.queries.paths[0]
    rows = [tile.row for tile in context.tiles]
    assert candidates == [judged_set.gallery.paths[row] for row in rows]
    assert np.array_equal(context.pixels, read_image(query))
    assert np.array_equal(context.tiles[2].patch.image, read_image(candidates[2]))
    assert context.tiles[2].patch.is_full
    assert np.array_equal(context.latlon, judged_set.gallery.latlon[rows])
    assert context.scores == pytest.approx(context.embeddings @ context.embedding, abs=1e-5)
    assert sorted(context.scores, reverse=True) == context.scores.tolist()
    assert context.gsd_m(0) == pytest.approx(500 / 48)
    corners = context.tiles[0].corners_latlon
    sides = distance_m(corners, np.roll(corners, -1, axis=0))
    assert sides == pytest.approx(500, rel=1e-2)


def test_what_isnt_known_of_a_tile_is_nan(judged_set):
    bare = replace(
        judged_set,
        protocol="recall",
        gallery=bare_gallery(judged_set),
    )
    truthful = Truthful(bare)
    staged(bare, truthful)
    tile = truthful.seen[0][2].tiles[0]
    assert np.isnan([*tile.latlon, tile.side_m]).all()
    assert np.isnan(tile.corners_latlon).all()


def test_one_that_fails_leaves_the_ranking_and_is_told(judged_set):
    class Breaks(Truthful):
        def __call__(self, query, candidates, context):
            if query == judged_set.queries.paths[1]:
                raise RuntimeError("no luck")
            return super().__call__(query, candidates, context)

    result = staged(judged_set, Breaks(judged_set))
    (after,) = result.stages
    assert after.num_failed == 1
    assert "mine:one" in after.failure
    assert "no luck" in after.failure
    assert after.ranking.top[1].tolist() == result.ranking.top[1].tolist()
    second = in_words(after)[1]
    assert "failed on 1 of 12 queries" in second


def test_an_order_that_is_none_ends_the_evaluation_with_the_plugins_name(judged_set):
    class Twice(Truthful):
        def __call__(self, query, candidates, context):
            return np.zeros(len(candidates), int)

    with pytest.raises(ComponentError, match=r"mine:one.*georet-mine 1.2"):
        staged(judged_set, Twice(judged_set))


class Surveyor:
    """A refiner that knows every second photo's place to ten metres, and its heading to 3 deg."""

    max_candidates = 4

    def __init__(self, which):
        self.which, self.at, self.tiles = which, -1, []

    def __call__(self, photo, tiles):
        self.at += 1
        self.tiles.append(tiles)
        if self.at % 2:
            return Refinement.refused("7 matches agree, 15 are needed")
        lat, lon = self.which.queries.latlon[self.at]
        heading = float(self.which.queries.heading_deg[self.at]) - 3
        return Refinement(
            latlon=(float(lat) + 10 / 111_195, float(lon)),
            covariance_m2=np.eye(2),
            heading_deg=heading % 360,
            tile=0,
            inliers=40,
        )


def test_a_refiners_places_make_the_errors_and_its_headings_are_judged(judged_set):
    def seen(ranking):
        if ranking.predicted_latlon is None:
            return {}
        placed = np.isfinite(ranking.predicted_latlon[:, 0])
        return {"placed": 100 * placed.mean()}

    result = staged(judged_set, Surveyor(judged_set), kind="refiners", top=4, metrics=[seen])
    (after,) = result.stages
    assert "placed" not in result.metrics
    assert after.metrics["placed"] == 50
    assert after.num_touched == 6
    assert after.reasons == {"7 matches agree, 15 are needed": 6}
    assert after.metrics["median_heading_error_deg"] == pytest.approx(3)
    assert after.metrics["recall@1"] == result.metrics["recall@1"]
    assert after.metrics["median_error_m"] < result.metrics["median_error_m"]
    assert "placed 6 of 12 queries" in in_words(after)[0]


def test_a_refiner_needs_places_and_ground_sizes(judged_set):
    latlon = judged_set.gallery.latlon
    bare = replace(judged_set, gallery=bare_gallery(judged_set, latlon=latlon))
    with pytest.raises(DataError, match="no 'side_m'"):
        staged(bare, Surveyor(bare), kind="refiners")
    bare = replace(judged_set, protocol="recall", gallery=bare_gallery(judged_set))
    with pytest.raises(DataError, match="no 'latlon'"):
        staged(bare, Surveyor(bare), kind="refiners")
    some = judged_set.gallery.side_m.copy()
    some[3] = np.nan
    bare = replace(judged_set, gallery=bare_gallery(judged_set, latlon=latlon, side_m=some))
    with pytest.raises(DataError, match=f"none for some .of '{judged_set.gallery.ids[3]}'"):
        staged(bare, Surveyor(bare), kind="refiners")


def test_a_refiner_sees_footprints_and_is_told_of_the_camera_what_was_said(judged_set):
    class Told(Surveyor):
        def __call__(self, photo, tiles, *, camera):
            self.cameras = [*getattr(self, "cameras", []), camera]
            return super().__call__(photo, tiles)

    turned = replace(judged_set.gallery, heading_deg=np.full(len(judged_set.gallery), 90.0))
    which = replace(judged_set, gallery=turned)
    told = Told(which)
    staged(which, told, kind="refiners", top=4)
    assert told.cameras[1] == Camera()
    # With the top to the east, the image's left is north and its bottom is west.
    corners = told.tiles[0][0].corners_latlon
    assert corners[0, 0] > corners[1, 0]
    assert corners[0, 1] > corners[3, 1]
    known = ("heading_deg", "altitude_m", "tilt_deg")
    told = Told(which)
    (after,) = staged(which, told, kind="refiners", top=4, known=known).stages
    assert told.cameras[1] == Camera(
        heading_deg=which.queries.heading_deg[1], height_m=which.queries.altitude_m[1]
    )
    assert told.cameras[2].tilt_deg == 12
    assert after.as_json()["known"] == list(known)
    assert "median_heading_error_deg" not in after.metrics
    assert "told heading_deg, altitude_m, tilt_deg of each" in in_words(after)[0]
    with pytest.raises(DataError, match="no column 'fov_deg'"):
        staged(which, told, kind="refiners", known=("fov_deg",))


def test_metrics_and_protocols_see_footprints_headings_and_altitudes(judged_set):
    def of_low_ones(ranking):
        low = ranking.queries.altitude_m <= 80
        corners = corners_of(ranking.gallery)[ranking.top[:, 0]]
        south, north = corners[..., 0].min(axis=1), corners[..., 0].max(axis=1)
        inside = (ranking.query_latlon[:, 0] >= south) & (ranking.query_latlon[:, 0] <= north)
        turned = ranking.queries.heading_deg > 180
        return {"low": 100 * low.mean(), "inside": 100 * inside.mean(), "turned": turned.mean()}

    rules = Protocol("mine", "what lies low, inside and turned", (of_low_ones,))
    which = replace(judged_set, protocol=rules)
    found = evaluate_sets(Colours(), {"set": which}, top_k=3)["set"]
    assert found.metrics["low"] == 50
    right = found.ranking.rank == 0
    assert found.metrics["inside"] >= 100 * right.mean() > 0
    assert found.metrics["turned"] == 0.5


def test_a_refiner_that_answers_something_else_is_named(judged_set):
    class Odd(Surveyor):
        def __call__(self, photo, tiles):
            return 47.0, 8.0

    with pytest.raises(ComponentError, match=r"mine:one.*returned a tuple"):
        staged(judged_set, Odd(judged_set), kind="refiners")


def test_a_later_stage_sees_what_an_earlier_one_left(judged_set):
    truthful, last = Truthful(judged_set), Truthful(judged_set)
    stages = [Stage(truthful, "rerankers", "a:a", 6), Stage(last, "rerankers", "b:b", 3)]
    result = evaluate_sets(Colours(), {"set": judged_set}, top_k=3, stages=stages)["set"]  # type: ignore[arg-type]
    assert list(result.rows("set")) == ["set", "set + a:a", "set + a:a + b:b"]
    first = result.stages[0].ranking.top[:, 0].tolist()
    assert [context.tiles[0].row for *_, context in last.seen] == first
    assert result.stages[1].num_touched == 0


def test_an_image_that_cant_be_read_fails_one_query(judged_set, tmp_path):
    class Looks(Truthful):
        def __call__(self, query, candidates, context):
            assert context.pixels.size
            return super().__call__(query, candidates, context)

    copy = tmp_path / "photo.png"
    cv2.imwrite(str(copy), np.full((8, 8, 3), 90, np.uint8))
    paths = [copy, *judged_set.queries.paths[1:]]
    which = replace(judged_set, queries=replace(judged_set.queries, paths=paths))

    class Torn(Colours):
        def table(self, view, table, advance, **_):
            rows = super().table(view, table, advance)
            copy.unlink(missing_ok=True)
            return rows

    looks = Looks(which)
    stage = Stage(looks, "rerankers", MAKER.id, 6)
    (after,) = evaluate_sets(Torn(), {"set": which}, top_k=3, stages=[stage])["set"].stages  # type: ignore[arg-type]
    assert after.num_failed == 1
    assert "missing" in after.failure
