"""Photos that aren't north up are found once their camera is told, in each way of telling it."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from georet.cli.app import run
from georet.gallery.files.headings import PHOTOS, headings_of, keep_headings
from georet.geodesy import distance_m
from georet.locate.locator import Locator
from georet.photos.camera.cameras import cameras_of
from georet.testing.pixel_session import PixelSession

TURN = 90
"""The photos' upper edge points east."""


@pytest.fixture
def turned_photos(tmp_path, take):
    """Write photos whose upper edge points east, and return paths and places."""
    images, latlon = take(12, noise=10.0)
    folder = tmp_path / "turned"
    folder.mkdir()
    paths = []
    for at, image in enumerate(images):
        paths.append(folder / f"{at:02d}.png")
        east_up = cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE)
        cv2.imwrite(str(paths[-1]), east_up[:, :, ::-1])
    return paths, latlon


def errors_m(found, latlon):
    return [distance_m(np.array(one.latlon), at) for one, at in zip(found, latlon, strict=True)]


@pytest.mark.parametrize("index", ["exact", "sign_bits"])
@pytest.mark.parametrize(
    "told", [{"heading": TURN}, {"rotations": 4}], ids=lambda one: next(iter(one))
)
def test_a_turned_photo_is_found_by_its_heading_or_by_trying_several(
    gallery, turned_photos, index, told
):
    paths, latlon = turned_photos
    locator = Locator(gallery, PixelSession(), index=index)
    cameras = cameras_of(**told)
    if "rotations" in told:
        cameras = cameras_of(tilt=0, **told)
    as_it_is = np.median(errors_m(locator.locate(paths), latlon))
    found = locator.locate(paths, cameras=cameras)
    # Of four headings three are wrong, and may suit another tile.
    assert np.median(errors_m(found, latlon)) < as_it_is / (3 if "heading" in told else 2)
    assert all(one.view.startswith("turned") for one in found)


def test_candidates_scores_are_those_of_the_view_that_suits_best(gallery, turned_photos):
    paths, _ = turned_photos
    locator = Locator(gallery, PixelSession())
    by_heading = locator.locate(paths[:3], cameras=cameras_of(heading=TURN, tilt=0))
    by_trying = locator.locate(paths[:3], cameras=cameras_of(rotations=4, tilt=0))
    for one, other in zip(by_heading, by_trying, strict=True):
        assert other.candidates[0].score >= one.candidates[0].score - 1e-6
        assert other.candidates[0].id == one.candidates[0].id


@pytest.fixture
def command(gallery, turned_photos, monkeypatch, capsys):
    monkeypatch.setattr(
        "georet.commands.locating.open_encoder", lambda gallery, view, **_: PixelSession()
    )
    paths, _ = turned_photos

    def called(*options):
        code = run(["locate", str(gallery.path), *map(str, paths), "--json", *options])
        assert code == 0
        return json.loads(capsys.readouterr().out)["locations"]

    return called


def test_the_command_says_how_photos_were_turned(command):
    told = command("--heading", str(TURN))
    assert {one["view"] for one in told} == {"turned"}
    assert all("view" not in one for one in command())
    assert all("view" not in one for one in command("--heading", str(TURN), "--no-geometry"))


def test_telemetry_turns_each_photo_by_its_own_heading(command, turned_photos, tmp_path):
    paths, _ = turned_photos
    table = tmp_path / "flight.csv"
    rows = "".join(f"{path.name},{TURN},0\n" for path in paths[:6])
    table.write_text(f"photo,heading_deg,tilt_deg\n{rows}")
    told = command("--telemetry", str(table))
    assert ["view" in one for one in told] == [True] * 6 + [False] * 6
    given = command("--heading", str(TURN))
    for one, other in zip(told[:6], given[:6], strict=True):
        assert one["latitude"] == other["latitude"]


def test_several_headings_of_several_photos_of_one_place_are_refused(gallery, turned_photos):
    from georet.errors import UsageError

    paths, _ = turned_photos
    with pytest.raises(UsageError, match="several headings"):
        Locator(gallery, PixelSession()).locate(paths, fuse=True, cameras=cameras_of(rotations=4))


@pytest.fixture
def trying_gallery(gallery):
    """The gallery, as one whose maker wants four headings tried; as it was afterwards."""
    from georet.gallery.files.manifest import EXTRAS

    extras = gallery.path / EXTRAS
    before = extras.read_bytes() if extras.is_file() else None
    keep_headings(gallery, 4)
    yield gallery
    (gallery.path / PHOTOS).unlink()
    extras.write_bytes(before) if before is not None else extras.unlink()


def test_a_gallery_says_how_many_headings_to_try_unless_the_call_does(
    trying_gallery, turned_photos
):
    paths, _ = turned_photos
    locator = Locator(trying_gallery, PixelSession())
    asked = locator.locate(paths, cameras=cameras_of(rotations=4))
    for cameras in (None, cameras_of()):
        found = locator.locate(paths, cameras=cameras)
        assert [one.latlon for one in found] == [one.latlon for one in asked]
        assert {one.view for one in found} == {"turned, 4 headings tried"}
    left = [
        {"cameras": cameras_of(rotations=1)}, {"cameras": cameras_of(turns_photos=False)},
    ]  # fmt: skip
    for how in left:
        assert all(not one.view for one in locator.locate(paths, **how))
    assert not locator.locate(paths[:2], fuse=True)[0].view
    told = locator.locate(paths, cameras=cameras_of(heading=TURN))
    assert {one.view for one in told} == {"turned"}


def test_a_gallery_that_says_nothing_leaves_photos_as_they_are(gallery):
    assert headings_of(gallery) == 1


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"headings_tried": 37}', b'{"headings_tried": true}']
)
def test_headings_that_nobody_could_try_are_an_error_that_names_the_file(trying_gallery, content):
    from georet.errors import DataError

    trying_gallery.save_addition(PHOTOS, content)
    with pytest.raises(DataError, match=r"photos\.json.*\n.*--rotations"):
        headings_of(trying_gallery)
    # As the hint says.
    locator = Locator(trying_gallery, PixelSession())
    assert locator.framing(cameras_of(rotations=3)).rotations == 3
