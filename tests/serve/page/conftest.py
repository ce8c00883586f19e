"""A real browser, and the page in it as a user drives it."""

import os
import shutil
from functools import partial
from pathlib import Path

import pytest

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


@pytest.fixture(scope="module")
def start_browser():
    """Return what starts a browser with further flags; all are closed in the end."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
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
        # Imported here, since tests of the rest run without selenium.
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.support.wait import WebDriverWait

        self.browser, self.server, self.folder = browser, server, folder
        self.chain, self.waiting = partial(ActionChains, browser), partial(WebDriverWait, browser)

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
        return self.waiting(30).until(lambda _: condition(), what)

    def settle(self):
        ready = "return !!window.georet && georet.map.loaded() && georet.map.areTilesLoaded()"
        self.until(lambda: self.js(ready), "the map never settled")

    def one(self, css):
        return self.browser.find_element("css selector", css)

    def all(self, css):
        return self.browser.find_elements("css selector", css)

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
        chain = self.chain()
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


@pytest.fixture(scope="session")
def drive():
    """Return what drives a browser on a server's page; a folder takes the screenshots."""
    return Page


@pytest.fixture
def page(browser, server, tmp_path):
    return Page(browser, server, tmp_path)


@pytest.fixture
def photo(land):
    return land.photo_file(land.place(40))
