"""The page in a real browser: what people see and do, and that nothing leaves the machine."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--window-size=1280,800",
)

CONTRAST = """
  const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number)
    .map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const body = light(getComputedStyle(document.body).backgroundColor);
  return ['h1', '#about', '#position', '#area summary', 'footer p'].map((css) => {
    const text = light(getComputedStyle(document.querySelector(css)).color);
    return (Math.max(text, body) + .05) / (Math.min(text, body) + .05);
  });
"""
"""Contrast of texts with the page, as WCAG 2.2 defines it."""


@pytest.fixture(scope="module")
def start_browser():
    """Return what starts a browser with further flags; all are closed in the end."""
    names = ("chromium", "chromium-browser", "google-chrome")
    binary = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        reason = "chromium and chromedriver are not installed"
        if os.environ.get("GEORET_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    started = []

    def start(*flags):
        options = webdriver.ChromeOptions()
        options.binary_location = binary
        for flag in (*FLAGS, *flags):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        started.append(chrome)
        return chrome

    yield start
    for chrome in started:
        chrome.quit()


@pytest.fixture(scope="module")
def browser(start_browser):
    return start_browser()


class Page:
    """The page, driven as a user would."""

    def __init__(self, browser, server, folder):
        self.browser, self.server, self.folder = browser, server, folder

    def open(self):
        self.emulate(1100, 700, "light")
        for log in ("browser", "performance"):
            self.browser.get_log(log)
        self.browser.get(self.server.address)
        self.settle()
        return self

    def emulate(self, width, height, scheme):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def js(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def until(self, condition, what):
        return WebDriverWait(self.browser, 30).until(lambda _: condition(), what)

    def settle(self):
        ready = "return !!window.georet && georet.map.loaded() && georet.map.areTilesLoaded()"
        self.until(lambda: self.js(ready), "the map never settled")

    def one(self, css):
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def all(self, css):
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def choose(self, path):
        before = self.js("return georet.state.answer")
        self.one("#file").send_keys(str(path))
        self.new_answer(before)

    def new_answer(self, before):
        changed = (
            "return georet.state.answer !== null && !document.querySelector('[aria-busy=true]')"
        )
        self.until(lambda: self.js(changed) and self.answer() != before, "no answer came")
        self.settle()

    def answer(self):
        return self.js("return georet.state.answer")

    def rows(self):
        return [candidate["row"] for candidate in self.answer()["candidates"]]

    def drag(self, start, end):
        """Drag over the map from one (latitude, longitude) to another."""
        script = "const p = georet.map.project([arguments[1], arguments[0]]); return [p.x, p.y];"
        (x0, y0), (x1, y1) = (self.js(script, *place) for place in (start, end))
        frame = self.js("const r = document.querySelector('#map').getBoundingClientRect();"
                        "return [r.left, r.top]")  # fmt: skip
        chain = ActionChains(self.browser)
        pointer = chain.w3c_actions.pointer_action
        pointer.move_to_location(int(frame[0] + x0), int(frame[1] + y0))
        pointer.pointer_down()
        pointer.move_to_location(int(frame[0] + (x0 + x1) / 2), int(frame[1] + (y0 + y1) / 2))
        pointer.move_to_location(int(frame[0] + x1), int(frame[1] + y1))
        pointer.pointer_up()
        chain.perform()

    def screenshot(self, name):
        folder = Path(os.environ.get("GEORET_SCREENSHOTS", self.folder))
        folder.mkdir(parents=True, exist_ok=True)
        assert self.browser.save_screenshot(str(folder / f"{name}.png"))
        return folder / f"{name}.png"


@pytest.fixture
def page(browser, server, tmp_path):
    return Page(browser, server, tmp_path)


@pytest.fixture
def photo(land):
    return land.photo_file(land.place(40))


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


def test_everything_has_a_name_for_those_who_listen(page, photo):
    page.open().choose(photo)
    page.one("#area summary").click()
    nameless = page.js("""
      const named = (e) => (e.getAttribute('aria-label') || e.textContent.trim() || e.title
        || [...(e.labels ?? [])].map(l => l.textContent.trim()).join('')
        || [...e.querySelectorAll('img')].map(i => i.alt).join(''));
      return [...document.querySelectorAll('button, a, input, select, summary')]
        .filter(e => !named(e)).map(e => e.outerHTML)
        .concat([...document.querySelectorAll('img:not([alt])')].map(e => e.outerHTML));
    """)
    assert nameless == []
    spoken = page.one("#status").get_attribute("textContent")
    assert spoken == f"Best estimate {page.one('#position').text}. 5 candidates are listed."
    assert page.one("#status").get_attribute("aria-live") == "polite"


def test_the_tab_key_walks_from_photo_to_candidates_to_area(page, photo):
    page.open().choose(photo)
    page.js("document.activeElement.blur()")
    seen = []
    for _ in range(12):
        ActionChains(page.browser).send_keys(Keys.TAB).perform()
        seen.append(page.js("const e = document.activeElement; return e.id || e.className"))
    order = [name for name in seen if name in ("file", "num-candidates", "card")]
    assert order == ["file", "num-candidates", *["card"] * 5]


def test_a_candidate_opens_by_the_enter_key(page, photo):
    page.open().choose(photo)
    page.all("#candidates .card")[2].send_keys(Keys.ENTER)
    assert "tile 3 of 5" in page.one("#compare-title").text


def test_it_fits_and_reads_well_in_every_setting(page, photo):
    page.open().choose(photo)
    for width, height in ((1280, 800), (390, 844)):
        for scheme in ("light", "dark"):
            page.emulate(width, height, scheme)
            page.settle()
            assert page.js("return document.scrollingElement.scrollWidth <= innerWidth")
            assert min(page.js(CONTRAST)) >= 4.5
            page.screenshot(f"{scheme}-{width}")
    assert page.browser.get_log("browser") == []


def test_without_webgl_searching_still_works(start_browser, server, photo, tmp_path, land):
    page = Page(start_browser("--disable-3d-apis"), server, tmp_path)
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


def test_with_a_token_the_whole_page_works_and_the_address_forgets_it(browser, serve, tmp_path):
    server = serve(token="0123456789abcdef0123")
    page = Page(browser, server, tmp_path).open()
    assert "token" in server.address
    assert page.browser.current_url == server.address.partition("?")[0]
    page.one("#samples button").click()
    page.new_answer(None)
    assert page.rows()[0] == 20
    assert page.browser.get_log("browser") == []
