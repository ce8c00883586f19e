"""The page for those who read, listen or use the keyboard alone."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

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
