"""The page of georet adapt: the verdict, the figures, and photos with what was found for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from georet.ground.wgs84 import span_m
from georet.page.markup import Html, data_url, document, join, rows, tag
from georet.page.readable import count, metres, percent, seconds
from georet.page.thumbnails import shrunk
from georet.types import Bools, Pixels
from georet_ortho.adapting.comparing import QUERY_KINDS, places
from georet_ortho.adapting.images import images_of
from georet_ortho.adapting.job import EVERYWHERE, HELD_OUT, Work
from georet_ortho.adapting.judging import TELEMETRY, Score, cosines, score_of
from georet_ortho.adapting.untrained import Contender
from georet_ortho.making import Drawn, take

_SHOWN: Final = 5
_SIDE: Final = 144
_SHOWN_SETS: Final = (
    ("New photos of the area", "after", EVERYWHERE, "by the encoder that saw other photos of it"),
    ("Photos of ground held out", "unseen", HELD_OUT, "by an encoder that never saw this ground"),
)
_STYLE: Final = (
    ".found img{width:8rem;height:8rem;object-fit:cover;border-radius:.3rem}"
    ".found p{margin:.2rem 0 .6rem}.found .right{font-weight:600}"
    ".found td,.found th{text-align:center;vertical-align:top}"
)


def page_of(
    work: Work,
    values: Mapping[str, Any],
    ways: Mapping[str, Contender],
    sets: Mapping[str, Sequence[Drawn]],
) -> bytes:
    """Return the page; ``ways`` are ``before``, ``after`` and, trained elsewhere, ``unseen``."""
    title = f"Adapted to {Path(work.settings.source).name}"
    said = "Training helped." if values["helped"] else "Training did not help."
    kept = "" if values["helped"] else " The encoder is kept as it was."
    header = tag(
        "header",
        tag("p", "georet · report of an adaptation", class_="over"),
        tag("h1", title),
        tag("p", f"{said} {_sentence(values['why'])}{kept}", class_="lead"),
    )
    return document(
        title,
        header,
        tag("section", tag("h2", "Before and after"), _table(values), _cost(values)),
        _real(values),
        _radii(values),
        *(
            tag("section", tag("h2", title), _pictures(work, ways, after, sets[name], said))
            for title, after, name, said in _SHOWN_SETS
        ),
        tag("section", tag("h2", "What this does not show"), tag("p", _CAUTION)),
        style=_STYLE,
    ).encode("utf-8", errors="replace")


_CAUTION: Final = (
    "All photos are rendered from the map itself, or from the other layer that was named: light, "
    "colours, blur and camera change, but no tree grows, no leaf falls, no house is built. Real "
    "photos are found less often; how much less, only photos with known places can tell "
    "(--photos)."
)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _table(values: Mapping[str, Any]) -> Html:
    best = values["untrained"][values["best_untrained"]]
    table = []
    for name, modes in values["adapted"].items():
        for mode, now in modes.items():
            was = best[name][mode]
            if name == HELD_OUT:
                now = values["adapted_elsewhere"][HELD_OUT][mode]
            table.append([
                f"{name}, {mode}", count(was["photos"]), percent(was["recall@1"]),
                percent(now["recall@1"]), percent(was["recall@5"]), percent(now["recall@5"]),
                metres(was["median_m"]), metres(now["median_m"]),
            ])  # fmt: skip
    heads = ["Photos", "Number", "R@1 before", "R@1 after", "R@5 before", "R@5 after",
             "Median before", "Median after"]  # fmt: skip
    caption = (
        f"Before: the best of {len(values['untrained'])} untrained encoders, "
        f"{values['best_untrained']}. After: trained on {count(values['pairs'])} photos; the rows "
        f"of ground held out by an encoder that saw {count(values['pairs_elsewhere'])} photos of "
        f"other ground. Right is a tile on which the photo's middle lies, of "
        f"{count(values['tiles'])} tiles. With telemetry, height is told to 5 %, tilt to 2 and "
        "heading to 5 degrees (one standard deviation); without heading, twelve are tried, and of "
        "photos alone as well."
    )
    return rows(table, heads=heads, caption=caption)


def _real(values: Mapping[str, Any]) -> Html:
    """Return how real photos were found, where there were some."""
    found = values.get("real_photos")
    if not found:
        return Html()
    table = [
        [name, count(each["photos"]), percent(each["recall@1"]), percent(each["recall@5"]),
         metres(each["median_m"])]
        for name, each in found.items()
    ]  # fmt: skip
    caption = "Photos whose places you know: nothing told of their cameras, twelve headings tried."
    heads = ["", "Number", "R@1", "R@5", "Median"]
    return tag("section", tag("h2", "Real photos"), rows(table, heads=heads, caption=caption))


def _cost(values: Mapping[str, Any]) -> Html:
    """Return what the work took; nothing where a killed call has taken that with it."""
    if values["cpu_s"] is None:
        return Html()
    parts = ", ".join(f"{name} {seconds(each)}" for name, each in values["spent_s"].items())
    return tag("p", f"CPU time: {seconds(values['cpu_s'])} ({parts}).")


def _radii(values: Mapping[str, Any]) -> Html:
    """Return whether the gallery's radii held for photos to which they were not fitted."""
    found = values.get("calibration")
    if not found:
        return Html()
    shares = [percent(100 * found[f"covered_{level}"]["mean"]) for level in (50, 90)]
    radii_m = [metres(found[f"median_radius_{level}_m"]) for level in (50, 90)]
    text = (
        f"Fitted to one half of the photos by telemetry and tried on the other, "
        f"{len(found['seeds'])} times, the 50 % radius held {shares[0]} of their places, the 90 % "
        f"radius {shares[1]}. The radii are {radii_m[0]} and {radii_m[1]} in the median. They hold "
        "for photos like these of this map, and for no others."
    )
    return tag("section", tag("h2", "Radii of the gallery"), tag("p", text))


def _pictures(
    work: Work, ways: Mapping[str, Contender], after: str, photos: Sequence[Drawn], said: str
) -> Html:
    kind, turns = QUERY_KINDS[TELEMETRY]
    found: dict[str, Score] = {}
    for name in ("before", after):
        way = ways[name]
        queries = way.queries(work, photos, [kind])[kind]
        found[name] = score_of(
            cosines(queries, way.tiles(work), turns), places(photos), work.area.tiles
        )
    heads = ["Photo", "North up", "The map there", "Found before", "Found after"]
    top = tag("tr", *(tag("th", head) for head in heads))
    kinds = _kinds(found["before"].hits, found[after].hits)
    body = [_row(work, photos[at], at, found) for at in _shown(kinds.values(), len(photos))]
    counts = ", ".join(f"{count(int(where.sum()))} {kind}" for kind, where in kinds.items())
    caption = (
        f"Of {count(len(photos))} photos the right tile was found for {counts}. Here are the first "
        "of each kind, the tile nearest to what they show, and the best tile before and after: "
        f"{said}."
    )
    inner = tag("table", tag("thead", top), tag("tbody", *body), class_="found")
    return tag("figure", tag("div", inner, class_="scroll"), tag("figcaption", caption))


def _kinds(before: Bools, after: Bools) -> dict[str, Bools]:
    """Return which photos were found when: what was gained first."""
    return {
        "only after": after & ~before,
        "before and after": after & before,
        "only before": before & ~after,
        "neither time": ~(before | after),
    }


def _shown(kinds: Iterable[Bools], number: int) -> list[int]:
    """Return the photos to show: one of each kind, then the second of each, up to five."""
    each = [np.flatnonzero(where).tolist() for where in kinds]
    turns = [rows[turn] for turn in range(number) for rows in each if turn < len(rows)]
    return turns[:_SHOWN]


def _row(work: Work, drawn: Drawn, at: int, found: Mapping[str, Score]) -> Html:
    photo = take(work.area, drawn, work.folder)
    kind = QUERY_KINDS[TELEMETRY][0]
    crop = images_of(kind, photo, drawn, work.area.side_m, work.settings.size)[0]
    there = work.area.source.read(drawn.row)
    cells = [tag("td", _image(image)) for image in (photo, crop, there)]
    for score in found.values():
        row = int(score.top[at, 0])
        away = span_m(drawn.shot.latlon[None], work.area.tiles.latlon[row][None])[0]
        said = tag("p", "right", class_="right") if score.hits[at] else None
        said = said or tag("p", f"wrong, {metres(float(away))} away")
        cells.append(tag("td", join(_image(work.area.source.read(row)), said)))
    return tag("tr", *cells)


def _image(image: Pixels) -> Html:
    small = cv2.cvtColor(shrunk(image, _SIDE), cv2.COLOR_RGB2BGR)
    content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return tag("img", src=data_url(np.asarray(content).tobytes()), alt="")
