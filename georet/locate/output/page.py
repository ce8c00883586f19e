"""One HTML file with nothing outside it: each photo, its place on the map, what came first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from georet.files import write_atomic
from georet.locate.output.answers import Answers
from georet.locate.output.batch import heat_in
from georet.locate.output.journal import Journal
from georet.locate.output.maps import Maps
from georet.locate.output.records import Record, accuracy_m
from georet.locate.output.table import refined_words, reranked_words, short
from georet.page.markup import Html, data_url, document, join, more, tag
from georet.page.readable import NOTHING, count, metres, percent, position
from georet.page.thumbnails import Thumbnails

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery

MOST_PHOTOS: Final = 100
"""A page with more would take a browser too long; the other outputs hold all."""
_PHOTO_SIDE: Final = 360
_MARKED: Final = "stroke: #ffd84d; stroke-width: 4;"


class Page:
    """A page of the first 100 photos with all that belongs to it in one file.

    Photos are decoded and encoded anew, so that nothing of their EXIF is in it.
    """

    suffixes = (".html",)
    num_heats = MOST_PHOTOS

    def write(self, path: Path, located: Answers) -> None:
        """Write the page, atomically."""
        text = page(located.journal, located.provenance, located.gallery)
        write_atomic(path, text.encode("utf-8", errors="replace"))


def page(journal: Journal, provenance: Mapping[str, Any], gallery: StoredGallery) -> Html:
    """Return the whole page."""
    maps, records = Maps(gallery), list(islice(journal.records(), MOST_PHOTOS))
    name = provenance["gallery"]["name"]
    sheet = files("georet.locate").joinpath("page.css").read_text(encoding="utf-8")
    pictures = Thumbnails(_PHOTO_SIDE)
    places = (_place(at, one, maps, gallery, pictures) for at, one in enumerate(records))
    return document(
        f"Photos located in {name}",
        _header(journal, records, name),
        tag("main", *places),
        _foot(provenance),
        style=sheet + maps.style + _marking(records),
    )


def _marking(records: list[Record]) -> str:
    """Return the rules by which a candidate that is pointed at or focused lights up on the map."""
    most = max((len(record["candidates"]) for record in records), default=0)
    return "".join(
        f".place:has(.top-{n}:hover, .top-{n}:focus) .foot-{n} {{ {_MARKED} }}\n"
        for n in range(1, most + 1)
    )


def _header(journal: Journal, records: list[Record], name: str) -> Html:
    num, bad = journal.num_records, journal.unreadable()
    sentences = [f"{count(num)} located." if num != 1 else "One place."]
    if num > len(records):
        sentences.append(f"The first {len(records)} are shown; the other outputs hold all.")
    if bad:
        sentences.append(f"{len(bad)} could not be read.")
    links = [
        tag("li", tag("a", short(record["photo"]), href=f"#photo-{at}"))
        for at, record in enumerate(records)
    ]
    reasons = [tag("li", f"{photo}: {why}") for photo, why in bad.items()]
    return tag(
        "header",
        tag("p", "georet · where photos were taken", class_="over"),
        tag("h1", f"Located in {name}"),
        tag("p", " ".join(sentences)),
        more("Unreadable photos", tag("ul", *reasons)) if bad else Html(),
        tag("nav", tag("ul", *links, class_="photos"), aria_label="Photos")
        if len(records) > 1
        else Html(),
    )


def _place(
    at: int, record: Record, maps: Maps, gallery: StoredGallery, pictures: Thumbnails
) -> Html:
    names = [Path(photo) for photo in record["photos"]]
    shown = [pictures.picture(path, f"The photo {path.name}") for path in names[:4]]
    heat = heat_in(record, len(gallery.tiles))
    tops = tag("ol", *_tops(record, shown[0], gallery), class_="tops")
    right = tag("div", maps.figures(record, heat), tops)
    left = tag("div", *shown, _facts(record), class_="left")
    title = " + ".join(path.name for path in names[:4]) + (" + …" if len(names) > 4 else "")
    return tag(
        "section",
        tag("h2", title, id=f"photo-{at}-title"),
        tag("div", left, right, class_="place"),
        id=f"photo-{at}",
        aria_labelledby=f"photo-{at}-title",
    )


def _facts(record: Record) -> Html:
    facts: dict[str, object] = {
        "Half of the time": _within(record["radius_50_m"]),
        "Nine times in ten": _within(record["radius_90_m"]),
        "Confidence": NOTHING
        if record["confidence"] is None
        else f"{percent(100 * record['confidence'])} to be within {metres(record['reach_m'])}",
        "SHA-256": tag("code", ", ".join(one[:16] for one in record["photo_sha256"])),
    }
    if "reranking" in record:
        facts = {"Re-ranked": reranked_words(record), **facts}
    if "method" in record:
        facts = {"How": refined_words(record), **facts}
    if record["radius_90_m"] is None:
        facts["Half of the time"] = "not calibrated"
        del facts["Nine times in ten"], facts["Confidence"]
    warning = (
        "Too unclear to be trusted: the confidence is below the calibrated threshold. What "
        "follows is the best guess."
    )
    items = (tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items())
    return join(
        tag(
            "p",
            position((record["latitude"], record["longitude"]), accuracy_m(record)),
            class_="where",
        ),
        tag("p", warning, class_="open") if record["abstained"] else Html(),
        tag("dl", *items, class_="run"),
    )


def _within(radius_m: float | None) -> str:
    return "" if radius_m is None else f"within {metres(radius_m)}"


def _tops(record: Record, photo: Html, gallery: StoredGallery) -> Iterator[Html]:
    """Yield the photo, then each candidate's crop with what speaks for it."""
    yield tag("li", photo, tag("b", "The photo"), class_="photo")
    for one in record["candidates"]:
        picture = gallery.thumbnail(one["row"])
        alt = f"Tile {one['id']}, candidate {one['rank']}"
        width = max(1.0, 100 * one["belief"])
        yield tag(
            "li",
            tag("span", "no picture", class_="gap")
            if picture is None
            else tag("img", src=data_url(picture), alt=alt, loading="lazy"),
            tag("b", f"{one['rank']}. {one['id']}"),
            tag("i", tag("i", style=f"width:{width:.0f}%"), class_="bar", aria_hidden="true"),
            tag("span", f"belief {percent(100 * one['belief'])}"),
            tag("span", f"cosine {one['score']:.3f}"),
            tag("span", f"re-ranker {one['rerank_score']:.4g}")
            if "rerank_score" in one
            else Html(),
            tag("span", position((one["latitude"], one["longitude"]), one["side_m"])),
            tabindex="0",
            class_=f"top-{one['rank']}",
        )


def _foot(provenance: Mapping[str, Any]) -> Html:
    text = json.dumps(provenance, indent=2, ensure_ascii=False)
    block = tag("pre", tag("code", text), tabindex="0", aria_label="provenance")
    title = tag("h2", "To check this", id="provenance-title")
    about = tag(
        "p",
        "Hashes of gallery and encoder, versions, the calibration, and what was asked.",
        class_="aside",
    )
    owners = provenance["gallery"].get("credits") or ()
    imagery = [tag("p", f"Imagery: {'; '.join(owners)}", class_="aside")] if owners else []
    shown = more("Provenance", block)
    return tag("section", title, about, *imagery, shown, id="provenance")
