from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg

from georet.errors import ConfigError
from georet.geodesy import distance_m
from georet_orbitview.cache import Part
from georet_orbitview.contact import contact_sheet
from georet_orbitview.dataset import OrbitView
from georet_orbitview.world import GENERATOR_VERSION, World


def contents(part: Part) -> list[bytes]:
    return [(part.folder / name).read_bytes() for name in part.names]


def test_training_pairs_join_each_photo_with_the_tile_of_its_place(mini: OrbitView) -> None:
    pairs = mini.train()
    num_places = len(mini.places.train)
    assert len(pairs) == 2 * num_places
    assert len(pairs.references) == num_places
    assert pairs.is_many_to_one
    query, reference = pairs.pairs[:, 0], pairs.pairs[:, 1]
    away_m = distance_m(pairs.queries.latlon[query], pairs.references.latlon[reference])
    assert away_m.max() < 63_001
    for row in (0, len(pairs) - 1):
        name = pairs.queries.ids[query[row]]
        assert name[:6] == pairs.references.ids[reference[row]]
        assert name == f"p{pairs.columns['place'][row]:05d}_r{row // num_places}"


def test_pairs_say_how_their_photo_was_taken(mini: OrbitView) -> None:
    columns = mini.train().columns
    assert np.all((columns["tilt_rad"] >= 0.08) & (columns["tilt_rad"] <= 0.79))
    assert np.all(np.abs(columns["heading_rad"]) <= np.pi / 4)
    assert np.all((columns["altitude_m"] >= 350_000) & (columns["altitude_m"] <= 450_000))


def test_one_photo_a_place_gives_one_pair_a_place(orbitview_dir: Path) -> None:
    dataset = OrbitView(size="mini", px=48, train_renders=1, cache_dir=orbitview_dir)
    assert not dataset.train().is_many_to_one


def test_every_image_decodes_to_its_size(mini: OrbitView) -> None:
    pairs = mini.train()
    for path in (pairs.queries.paths[0], pairs.references.paths[-1]):
        assert cv2.imread(str(path)).shape == (48, 48, 3)


def test_the_four_galleries_hold_the_right_places(mini: OrbitView) -> None:
    split, sets = mini.places, mini.evaluations()
    num = len(mini.world.latlon)
    assert list(sets) == ["cross", "cross-world", "same", "same-dense"]
    sizes = {name: (len(s.queries), len(s.gallery)) for name, s in sets.items()}
    held_out, same = len(split.held_out), len(split.same_area)
    assert sizes == {
        "cross": (held_out, held_out),
        "cross-world": (held_out, num),
        "same": (same, same),
        "same-dense": (same, num - held_out),
    }
    trained = set(mini.train().references.ids)
    assert not trained & set(sets["cross"].gallery.ids)
    assert trained <= set(sets["same-dense"].gallery.ids)


def test_positives_are_the_tiles_nearest_to_the_photos(mini: OrbitView) -> None:
    evaluations = mini.evaluations()
    assert evaluations
    for evaluation in evaluations.values():
        queries, gallery = evaluation.queries.latlon, evaluation.gallery.latlon
        nearest = distance_m(queries[:, None], gallery[None]).argmin(axis=1)
        assert np.array_equal(np.asarray(evaluation.positives)[:, 0], nearest)


def test_more_photos_can_judge(orbitview_dir: Path) -> None:
    dataset = OrbitView(size="mini", px=48, eval_renders=2, cache_dir=orbitview_dir)
    cross = dataset.evaluations()["cross"]
    num = len(dataset.places.held_out)
    positives = np.asarray(cross.positives)
    assert len(cross.queries) == 2 * num
    assert np.array_equal(positives[:num], positives[num:])


def test_a_same_area_split_is_judged_by_same_area_first(orbitview_dir: Path) -> None:
    dataset = OrbitView(size="mini", px=48, split="same-area", cache_dir=orbitview_dir)
    assert list(dataset.evaluations())[:2] == ["same", "same-dense"]


def test_holding_out_africa_trains_on_the_americas(orbitview_dir: Path) -> None:
    dataset = OrbitView(size="mini", px=48, region="africa", cache_dir=orbitview_dir)
    assert (dataset.train().references.latlon[:, 1] < -30).any()
    assert np.abs(dataset.evaluations()["cross"].gallery.latlon[:, 0]).max() < 40


def test_the_relief_track_shows_the_same_places_from_another_map(
    mini: OrbitView, orbitview_dir: Path
) -> None:
    relief = OrbitView(
        size="mini", px=48, track="relief", train_renders=2, cache_dir=orbitview_dir
    ).train()
    pairs = mini.train()
    assert relief.queries.paths == pairs.queries.paths
    assert relief.references.ids == pairs.references.ids
    assert relief.references.paths[0].read_bytes() != pairs.references.paths[0].read_bytes()


@pytest.mark.parametrize("workers", [1, 5])
def test_the_same_options_give_the_same_bytes_whatever_the_workers(
    mini: OrbitView, tmp_path: Path, workers: int
) -> None:
    mini.train()
    world = World(tmp_path, "mini", 48)
    for part, made in zip(
        (world.tile_part("orbitview"), world.photo_part(1)),
        (mini.world.tile_part("orbitview"), mini.world.photo_part(1)),
        strict=True,
    ):
        part.ensure(workers)
        assert contents(part) == contents(made)


def test_seed_and_heading_change_the_photos(mini: OrbitView) -> None:
    plain = mini.world.photo_part(0).prepare()(7)
    for other in (World(Path(), "mini", 48, seed=1), World(Path(), "mini", 48, heading="hard")):
        assert other.photo_part(0).prepare()(7) != plain


def test_what_is_cached_is_what_was_generated(mini: OrbitView) -> None:
    mini.train()
    parts = list(mini.parts())
    assert parts
    for part in parts:
        part.verify()
        make = part.prepare()
        assert (part.folder / part.names[3]).read_bytes() == make(3)


@pytest.mark.parametrize(
    ("folder", "colours"),
    [
        ("tiles-orbitview", [[69.0, 84.8, 101.5], [32.7, 53.2, 72.9], [94.5, 93.4, 73.8]]),
        ("tiles-relief", [[173.4, 188.7, 193.1], [178.7, 200.6, 211.1], [161.3, 180.8, 176.6]]),
        ("photos-normal-s0-r0", [[90.4, 100.8, 112.2], [65.5, 103.2, 140.2], [107.4, 108.3, 93.2]]),
        ("photos-normal-s0-r1", [[71.5, 86.5, 101.5], [94.7, 120.6, 139.7], [106.6, 105.7, 96.0]]),
    ],
)
def test_this_version_of_the_generator_makes_the_images_it_always_made(
    folder: str, colours: list[list[float]]
) -> None:
    # Mean colours, as other processors may round single pixels otherwise. Whoever changes what the
    # generator makes gives it a new version number and this test new colours.
    assert GENERATOR_VERSION == 1
    world = World(Path(), "mini", 48)
    parts = [world.tile_part("orbitview"), world.tile_part("relief")]
    parts += [world.photo_part(0), world.photo_part(1)]
    make = next(part for part in parts if part.folder.name == folder).prepare()
    made = [simplejpeg.decode_jpeg(make(row)).mean(axis=(0, 1)) for row in (0, 120, 180)]
    np.testing.assert_allclose(made, colours, atol=0.5)


@pytest.mark.parametrize("option", ["px", "train_renders", "eval_renders", "seed"])
def test_an_option_out_of_range_is_named(option: str) -> None:
    with pytest.raises(ConfigError, match=f"{option} is -1"):
        OrbitView(**{option: -1})


def test_a_contact_sheet_shows_photo_beside_tile(mini: OrbitView) -> None:
    sheet = contact_sheet(mini, [0, 5, 9], num_columns=2)
    assert sheet.shape == (2 * 54, 2 * (96 + 6), 3)
    tile = cv2.imread(str(mini.world.tiles("orbitview").paths[5]))[:, :, ::-1]
    assert np.array_equal(sheet[:48, 102 + 48 : 102 + 96], tile)
    assert (sheet[54:, 102:] == 255).all()
