"""Open every page of the built site in a browser that can reach nothing else, and say what failed.

    python .ci/check_site.py build/site [SHOTS]

Fails when a page asks any other host, when a request fails, when a script reports an error, when
the search finds nothing, or when a link or an anchor leads nowhere. ``SHOTS`` is a folder for
pictures of some pages.
"""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait

SHOWN = (
    "index.html",
    "own-map.html",
    "reference/commands.html",
    "reference/components/losses.html",
)
HOST = "127.0.0.1"


def main(folder: str, shots: str | None = None) -> int:
    """Return how many things are wrong with the site in ``folder``."""
    root = Path(folder)
    pages = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.html"))
    with served(root) as server:
        base = f"http://{HOST}:{server.server_address[1]}/"
        wrong = [*dead_links(root, pages), *opened(base, pages, shots)]
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    sys.stdout.write(f"{len(pages)} pages opened, {len(wrong)} faults\n")
    return min(len(wrong), 1) if pages else 1


def served(root: Path) -> http.server.ThreadingHTTPServer:
    """Serve a folder on loopback until the caller leaves its context."""
    handler = functools.partial(Quiet, directory=str(root))
    server = http.server.ThreadingHTTPServer((HOST, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def opened(base: str, pages: list[str], shots: str | None) -> Iterator[str]:
    """Open the pages one after another, and yield what their requests and scripts got wrong."""
    options = webdriver.ChromeOptions()
    names = ("chromium", "chromium-browser", "google-chrome")
    options.binary_location = next(filter(None, map(shutil.which, names)), "")
    for flag in ("--headless=new", "--no-sandbox", "--window-size=1280,1000", "--disable-gpu"):
        options.add_argument(flag)
    # No name is resolved but loopback's: the network is cut, and who asks for it fails.
    options.add_argument(f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))
    )
    try:
        for page in pages:
            chrome.get(base + page)
            if shots and page in SHOWN:
                Path(shots).mkdir(parents=True, exist_ok=True)
                chrome.save_screenshot(str(Path(shots) / f"{page.replace('/', '-')}.png"))
            yield from (f"{page}: {line}" for line in requests(chrome, base))
        yield from search(chrome, base)
    finally:
        chrome.quit()


def requests(chrome: webdriver.Chrome, base: str) -> Iterator[str]:
    """Yield the requests to other hosts, those that failed, and the errors of scripts."""
    for entry in chrome.get_log("performance"):
        event = json.loads(entry["message"])["message"]
        about = event["params"]
        if event["method"] == "Network.requestWillBeSent":
            url = about["request"]["url"]
            if not url.startswith((base, "data:", "blob:")):
                yield f"asked for {url}"
        elif event["method"] == "Network.loadingFailed" and not about.get("canceled"):
            yield f"a request failed: {about.get('errorText')}"
        elif event["method"] == "Network.responseReceived" and about["response"]["status"] >= 400:
            yield f"{about['response']['status']} for {about['response']['url']}"
    for entry in chrome.get_log("browser"):
        if entry["level"] == "SEVERE":
            yield entry["message"]


def search(chrome: webdriver.Chrome, base: str) -> Iterator[str]:
    """Search for a word that is on many pages, and yield a fault if nothing is found."""
    chrome.get(base + "index.html")
    chrome.execute_script("document.querySelector('input.md-search__input').focus()")
    chrome.find_element("css selector", "input.md-search__input").send_keys("calibrate")
    try:
        WebDriverWait(chrome, 30).until(
            lambda c: c.find_elements("css selector", ".md-search-result__item")
        )
    except Exception as error:
        yield f"the search finds nothing: {type(error).__name__}"


class Anchors(HTMLParser):
    """The targets and the links of one page."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of ``id``, ``href`` and ``src``."""
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif name in ("href", "src") and value and tag != "base":
                self.links.append(value)


def dead_links(root: Path, pages: list[str]) -> Iterator[str]:
    """Yield links of the site to files or anchors that it doesn't have."""
    parsed = {}
    for page in pages:
        parsed[page] = Anchors()
        parsed[page].feed((root / page).read_text(encoding="utf-8"))
    for page, anchors in parsed.items():
        if page == "404.html":
            continue  # Its addresses begin at the site's root.
        for link in set(anchors.links):
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            path, anchor = urldefrag(unquote(urlsplit(urljoin(f"http://x/{page}", link)).geturl()))
            name = path.removeprefix("http://x/") or "index.html"
            name = name + "index.html" if name.endswith("/") else name
            if not (root / name).is_file():
                yield f"{page}: {link} leads nowhere"
            elif anchor and name in parsed and anchor not in parsed[name].ids:
                yield f"{page}: there is no #{anchor} in {name}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
