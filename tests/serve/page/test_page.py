"""The page in a real browser: what people see and do, and that nothing leaves the machine."""

import json
import re

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.webdriver.common.keys import Keys


def test_a_photo_chosen_by_a_click_is_found_and_nothing_leaves_the_machine(page, photo, land):
    page.open().choose(photo)
    assert page.rows()[0] == 40
    assert "t040" in page.one("#candidates .card").text
    assert page.answer()["latlon"] == pytest.approx(land.place(40), abs=0.02)
    assert re.fullmatch(r"49\.\d+° N, 9\.\d+° E", page.one("#position").text)
    assert page.js("return georet.map.querySourceFeatures('heat').length") > 0
    assert page.js("return georet.map.queryRenderedFeatures({layers: ['heat']}).length") > 0
    assert page.js("return georet.map.querySourceFeatures('tiles').length") > 0
    assert len(page.all(".pin")) == 5
    assert page.screenshot("found").stat().st_size > 20_000
    own = (page.server.address, "blob:", "data:", "chrome:", "about:")
    asked = requested(page.browser)
    assert any("/basemap/" in url for url in asked)
    assert any("/api/locate" in url for url in asked)
    assert [url for url in asked if not url.startswith(own)] == []
    assert page.browser.get_log("browser") == []


def requested(browser):
    """Return all addresses in the browser's log of the network, sockets included."""
    urls = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.append(message["params"]["request"]["url"])
        elif message["method"] == "Network.webSocketCreated":
            urls.append(message["params"]["url"])
    return urls


def test_the_map_shows_the_gallerys_own_tiles(page, land):
    page.open()
    colours = page.js("""
      const canvas = georet.map.getCanvas();
      georet.map.redraw();
      const copy = document.createElement('canvas');
      [copy.width, copy.height] = [canvas.width, canvas.height];
      const context = copy.getContext('2d');
      context.drawImage(canvas, 0, 0);
      const seen = new Set();
      for (let i = 0; i < 400; i += 1) {
        const x = Math.floor(canvas.width * (0.3 + 0.4 * Math.random()));
        const y = Math.floor(canvas.height * (0.3 + 0.4 * Math.random()));
        seen.add(context.getImageData(x, y, 1, 1).data.join());
      }
      return seen.size;
    """)
    assert colours > 100


def test_a_box_drawn_on_the_map_filters(page, photo, land):
    page.open().choose(photo)
    before = page.answer()
    page.one("#area summary").click()
    page.one("#draw").click()
    assert page.one("#stop-drawing").is_displayed()
    latitude, longitude = land.place(65)
    page.drag((latitude + 0.16, longitude - 0.16), (latitude - 0.16, longitude + 0.16))
    page.new_answer(before)
    box = page.js("return georet.state.box")
    assert box["west"] == pytest.approx(longitude - 0.16, abs=0.01)
    assert box["north"] == pytest.approx(latitude + 0.16, abs=0.01)
    assert 40 not in page.rows()
    for candidate in page.answer()["candidates"]:
        place = candidate["latlon"]
        assert box["south"] <= place[0] <= box["north"]
        assert box["west"] <= place[1] <= box["east"]
    assert page.js("return georet.map.querySourceFeatures('area').length") > 0
    page.screenshot("box")
    before = page.answer()
    page.one("#clear").click()
    page.new_answer(before)
    assert page.rows()[0] == 40


def test_a_box_can_be_typed_without_a_mouse(page, photo, land):
    page.open().choose(photo)
    before = page.answer()
    latitude, longitude = land.place(60)
    page.one("#area summary").send_keys(Keys.ENTER)
    for name, value in {
        "west": longitude - 0.01,
        "south": latitude - 0.01,
        "east": longitude + 0.01,
        "north": latitude + 0.01,
    }.items():
        page.one(f"input[name={name}]").send_keys(f"{value:.4f}")
    page.one("input[name=north]").send_keys(Keys.ENTER)
    page.new_answer(before)
    assert page.rows() == [60]


def test_a_box_without_tiles_is_said_to_have_none(page, photo):
    page.open().choose(photo)
    page.one("#area summary").click()
    for name, value in {"west": 0, "south": 0, "east": 1, "north": 1}.items():
        page.one(f"input[name={name}]").send_keys(str(value))
    page.one("#area-form [type=submit]").click()
    page.until(lambda: "no tile" in page.one("#problem").text.lower(), "no word of it")


def test_a_candidate_is_compared_with_the_photo(page, photo):
    page.open().choose(photo)
    cards = page.all("#candidates .card")
    cards[1].click()
    assert page.one("#compare").is_displayed()
    assert cards[1].get_attribute("aria-pressed") == "true"
    loaded = "return [...document.querySelectorAll('#compare img')].every(i => i.naturalWidth > 0)"
    page.until(lambda: page.js(loaded), "the pictures never came")
    assert page.one("#compare-tile").get_attribute("src").endswith(f"/api/tile/{page.rows()[1]}")
    page.settle()
    page.screenshot("compare")
    page.one("#next").click()
    assert "tile 3 of 5" in page.one("#compare-title").text
    page.one("#next").send_keys(Keys.ESCAPE)
    assert not page.one("#compare").is_displayed()
    assert page.js("return document.activeElement.className") == "card"


def test_a_marker_on_the_map_opens_the_comparison(page, photo):
    page.open().choose(photo)
    page.js("document.querySelector('.pin').click()")
    assert "tile 1 of 5" in page.one("#compare-title").text


def test_a_sample_is_searched_and_its_true_place_told(page, land):
    page.open()
    page.one("#samples button").click()
    page.new_answer(None)
    assert page.rows()[0] == 20
    assert "Off the true place" in page.one("#facts").text
    assert page.all(".truth")


def test_a_file_that_is_no_photo_is_refused_in_words(page, tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("no picture")
    page.open().one("#file").send_keys(str(path))
    page.until(lambda: "no JPEG" in page.one("#problem").text, "nothing was said")
    assert page.one("#problem").get_attribute("role") == "alert"


def test_without_webgl_searching_still_works(drive, start_browser, server, photo, tmp_path, land):
    page = drive(start_browser("--disable-3d-apis"), server, tmp_path)
    page.browser.get(server.address)
    page.until(lambda: "WebGL" in page.one("#problem").text, "the missing map was not told")
    page.one("#file").send_keys(str(photo))
    page.until(lambda: page.all("#candidates .card"), "no candidates")
    assert page.rows()[0] == 40
    page.one("#area summary").click()
    assert not page.one("#draw").is_displayed()
    latitude, longitude = land.place(60)
    sides = (longitude - 0.01, latitude - 0.01, longitude + 0.01, latitude + 0.01)
    for name, value in zip(("west", "south", "east", "north"), sides, strict=True):
        page.one(f"input[name={name}]").send_keys(f"{value:.4f}")
    page.one("#area-form [type=submit]").click()
    page.until(lambda: page.rows() == [60], "the box did not filter")


def test_with_a_token_the_whole_page_works_and_the_address_forgets_it(
    drive, browser, serve, tmp_path
):
    server = serve(token="0123456789abcdef0123")
    page = drive(browser, server, tmp_path).open()
    assert "token" in server.address
    assert page.browser.current_url == server.address.partition("?")[0]
    page.one("#samples button").click()
    page.new_answer(None)
    assert page.rows()[0] == 20
    assert page.browser.get_log("browser") == []
