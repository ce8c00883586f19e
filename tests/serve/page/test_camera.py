"""The page with what is known of cameras: wedge, footprint, refinement, matches, rows of photos."""

import io
import json

import pytest
from PIL import Image

pytest.importorskip("selenium", reason="selenium is not installed")

NORTH_OF_40 = (0.012, -0.015)
"""Off the middle of tile 40, so that retrieval alone can't say so."""


@pytest.fixture(scope="module")
def refining(serve):
    return serve(refine=True)


@pytest.fixture
def near(land):
    """A photo that looks at a place beside a tile's middle."""
    latitude, longitude = land.place(40)
    return land.photo_file((latitude + NORTH_OF_40[0], longitude + NORTH_OF_40[1]), "near.jpg")


def with_exif(path, heading):
    """Write a heading into a photo, as a phone does."""
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({16: "T", 17: heading})
    stream = io.BytesIO()
    with Image.open(path) as image:
        image.save(stream, "JPEG", exif=exif, quality=95)
    path.write_bytes(stream.getvalue())
    return path


def features(page, source):
    script = "return georet.map.getStyle().sources[arguments[0]].data.features"
    return page.js(script, source)


def test_a_refined_place_is_shown_beside_the_retrieved_one(
    drive, browser, refining, near, tmp_path, land
):
    page = drive(browser, refining, tmp_path).open()
    page.choose(near)
    answer = page.answer()
    assert answer["refinement"]["accepted"]
    truth = [place + off for place, off in zip(land.place(40), NORTH_OF_40, strict=True)]
    assert answer["latlon"] == pytest.approx(truth, abs=0.001)
    assert answer["retrieved_latlon"] != pytest.approx(truth, abs=0.005)
    facts = page.one("#facts").text
    assert "Refined to" in facts
    assert "Off the tiles' place" in facts
    assert len(page.all(".retrieved")) == 1
    for source in ("footprint", "wedge", "ellipse", "shift"):
        assert len(features(page, source)) == 1, source
    page.settle()
    page.screenshot("refined")
    assert page.browser.get_log("browser") == []


def test_points_in_common_are_drawn_between_photo_and_tile(
    drive, browser, refining, near, tmp_path
):
    page = drive(browser, refining, tmp_path).open()
    page.choose(near)
    row = page.answer()["refinement"]["row"]
    page.all("#candidates .card")[page.rows().index(row)].click()
    page.until(lambda: page.all("#matches line"), "no lines")
    num = len(page.all("#matches line"))
    assert page.one("#compare-matches").text.endswith("points in common")
    assert 5 <= num <= 60
    # Each line begins on the photo and ends on the tile, at points that look alike.
    ends = page.js("""
      const frame = document.querySelector('#matches').getBoundingClientRect();
      const [photo, tile] = ['photo', 'tile'].map(
        (name) => document.querySelector(`#compare-${name}`).getBoundingClientRect());
      return [...document.querySelectorAll('#matches line')].map((line) => {
        const [x1, y1, x2, y2] = ['x1', 'y1', 'x2', 'y2'].map((n) => +line.getAttribute(n));
        return [(x1 + frame.left - photo.left) / photo.width,
          (y1 + frame.top - photo.top) / photo.height,
          (x2 + frame.left - tile.left) / tile.width,
          (y2 + frame.top - tile.top) / tile.height];
      });""")
    for x1, y1, x2, y2 in ends:
        # The photo's middle lies 0.015 / 0.2 of a side left of the tile's and 0.012 / 0.2 above.
        assert (x2 - x1, y2 - y1) == pytest.approx((-0.075, -0.06), abs=0.03)
    page.settle()
    page.screenshot("matches")
    other = next(at for at, one in enumerate(page.rows()) if one != row)
    page.all("#candidates .card")[other].click()
    page.until(lambda: not page.all("#matches line"), "another tile's lines stayed")


def test_typed_camera_values_search_anew_and_turn_the_photo(page, photo):
    page.open().choose(photo)
    before = page.answer()
    assert before["view"] == ""
    assert features(page, "wedge") == []
    page.one("#camera summary").click()
    page.one("#camera input[name=heading]").send_keys("90")
    page.new_answer(before)
    assert page.answer()["view"] == "turned"
    (wedge,) = features(page, "wedge")
    middle = wedge["geometry"]["coordinates"][0][9]
    assert middle[0] > page.answer()["latlon"][1] + 0.05, "it looks east"
    before = page.answer()
    for name, value in (("tilt", 10), ("height", 9000), ("fov", 60)):
        page.one(f"#camera input[name={name}]").send_keys(str(value))
    page.until(lambda: (page.answer() or {}).get("footprint"), "no footprint came")
    page.settle()
    assert page.answer()["view"] == "rectified"
    assert len(features(page, "footprint")) == 1
    page.screenshot("camera")
    before = page.answer()
    page.one("#camera [type=reset]").click()
    page.new_answer(before)
    assert page.answer()["view"] == ""
    assert page.browser.get_log("browser") == []


def test_what_the_photo_says_is_told_and_its_position_is_not(page, photo):
    with_exif(photo, 215.0)
    page.open().choose(photo)
    page.one("#camera summary").click()
    assert "heading 215.0° (EXIF GPSImgDirection)" in page.one("#camera-notes").text
    assert page.one("#camera input[name=heading]").get_attribute("placeholder") == "215.0"
    assert "Heading" in page.one("#facts").text
    assert not page.one("#refine-label").is_displayed(), "no refiner here"


def test_several_photos_are_searched_in_order_with_a_slider(page, land):
    rows = (40, 41, 42, 43)
    names = [f"p{at}.jpg" for at in (1, 2, 9, 10)]
    paths = [land.photo_file(land.place(row), name) for row, name in zip(rows, names, strict=True)]
    page.open()
    page.one("#file").send_keys("\n".join(str(path) for path in reversed(paths)))
    done = "return georet.flight.entries.length === 4 && georet.flight.entries.every(e => e.answer)"
    page.until(lambda: page.js(done), "not all were searched")
    page.until(lambda: page.one("#panel").get_attribute("aria-busy") == "false", "still busy")
    found = page.js("return georet.flight.entries.map(e => [e.name, e.answer.candidates[0].row])")
    assert found == [list(pair) for pair in zip(names, rows, strict=True)]
    assert len(features(page, "frames")) == 4
    assert len(features(page, "track")[0]["geometry"]["coordinates"]) == 4
    page.js("const s = document.querySelector('#slider'); s.value = 1;"
            "s.dispatchEvent(new Event('input'))")  # fmt: skip
    assert page.rows()[0] == 41
    assert page.one("#frame").text.startswith("2 of 4 · p2.jpg")
    page.settle()
    page.screenshot("several")
    page.one("#samples button").click()
    page.until(lambda: not page.one("#flight").is_displayed(), "the slider stayed")
    assert page.browser.get_log("browser") == []


def test_one_bad_photo_of_several_is_named_and_the_others_are_found(page, land, tmp_path):
    bad = tmp_path / "41.jpg"
    bad.write_text("no picture")
    paths = [
        land.photo_file(land.place(40), "40.jpg"),
        bad,
        land.photo_file(land.place(42), "42.jpg"),
    ]
    page.open()
    page.one("#file").send_keys("\n".join(map(str, paths)))
    done = "return georet.flight.entries.length === 3 && !!georet.flight.entries[2].answer"
    page.until(lambda: page.js(done), "the last was not searched")
    page.js("const s = document.querySelector('#slider'); s.value = 1;"
            "s.dispatchEvent(new Event('input'))")  # fmt: skip
    assert "41.jpg" in page.one("#problem").text
    assert page.js("return georet.flight.entries[0].answer.candidates[0].row") == 40


def test_a_tracked_flight_is_shown_with_its_times_and_sources(page, land, tmp_path):
    sources = ("matched", "propagated", "dead-reckoned")
    locations = [
        {
            "photo": f"flight.mp4#t={at}.000", "time_s": float(at), "source": sources[at % 3],
            "latitude": 49.5 + 0.02 * at, "longitude": 8.5 + 0.03 * at, "heading_deg": 40.0,
            "covariance_m2": [[9.0, 0.0], [0.0, 4.0]],
            "ellipse_95": {"major_m": 7.3, "minor_m": 4.9, "bearing_deg": 90.0},
        }
        for at in range(9)
    ]  # fmt: skip
    path = tmp_path / "track.json"
    path.write_text(json.dumps({"schema": 1, "locations": locations}))
    page.open().one("#file").send_keys(str(path))
    page.until(lambda: page.one("#flight").is_displayed(), "no slider")
    page.js("const s = document.querySelector('#slider'); s.value = 4;"
            "s.dispatchEvent(new Event('input'))")  # fmt: skip
    assert page.one("#frame").text == (
        "5 of 9 · flight.mp4#t=4.000 · 4.0 s · carried on from its neighbours"
    )
    current = [f for f in features(page, "frames") if f["properties"]["current"]]
    assert [f["properties"]["index"] for f in current] == [4]
    assert len(features(page, "wedge")) == 1
    assert page.one("#position").text == "49.58000° N, 8.62000° E"
    assert not page.one("#candidates-title").is_displayed()
    page.settle()
    page.screenshot("flight")
    page.one("#play").click()
    page.until(lambda: page.js("return georet.flight.current") == 8, "it did not play")
    page.until(
        lambda: page.one("#play").get_attribute("aria-pressed") == "false", "it did not stop"
    )
    assert page.browser.get_log("browser") == []


def test_a_file_that_is_no_flight_is_refused_in_words(page, tmp_path):
    path = tmp_path / "other.json"
    path.write_text("{}")
    page.open().one("#file").send_keys(str(path))
    page.until(lambda: "holds no places" in page.one("#problem").text, "nothing was said")
