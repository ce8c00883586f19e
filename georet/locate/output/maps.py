"""The two maps of a located photo: round the place, and the heat over the whole gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from georet.locate.output.records import Record, accuracy_m
from georet.locate.output.webmap import (
    Frame,
    Painter,
    circle,
    frame_around,
    frame_of,
    muted,
    path_of,
    webp,
)
from georet.page.markup import Html, figure, join, tag
from georet.page.readable import count, metres, position, round_metres
from georet.types import Floats

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery

_SIDE: Final = 520
_BROAD: Final = 860
_BROAD_ASPECT: Final = 1.6
_LARGEST_CIRCLE_M: Final = 9_000_000.0
"""A greater one covers most of the Earth and can't be drawn on this map."""
_WIDEST: Final = 6
"""The map round the place reaches this many tiles each way, at most."""
_WHOLE: Final = 0.75


class Maps:
    """Draws the maps of many photos in one gallery; ``style`` holds the picture that all share."""

    def __init__(self, gallery: StoredGallery) -> None:
        self._painter = Painter(gallery)
        broad = frame_of(gallery.tiles, _BROAD, _SIDE)
        self._is_broad = broad.height < _BROAD / _BROAD_ASPECT
        self._whole = broad if self._is_broad else frame_of(gallery.tiles, _SIDE, _SIDE)
        base = webp(muted(self._painter.base(self._whole)))
        self.style = f".whole {{ background-image: url({base}); }}\n"
        self._num_tiles = len(gallery.tiles)

    def figures(self, record: Record, heat: Floats | None) -> Html:
        """Return both maps; one alone where the gallery is not larger than the detail."""
        near = self._near(record)
        figures = [self._detail(record, near)]
        wide = near.ground_m_per_px() * near.width
        if wide < _WHOLE * self._whole.ground_m_per_px() * self._whole.width:
            figures.append(self._overview(record, heat))
        is_broad = self._is_broad and len(figures) > 1
        return tag("div", *figures, class_="maps broad" if is_broad else "maps")

    def _near(self, record: Record) -> Frame:
        """Return the window round the place: as large as the 90 % circle, within reason."""
        side_m = float(record["candidates"][0]["side_m"])
        radii_m = [record[key] or side_m for key in ("radius_90_m", "radius_50_m")]
        # Where the greater circle says "anywhere", the smaller one is worth a look.
        radius_m = min(radii_m, key=lambda radius_m: (radius_m > _WIDEST * side_m, -radius_m))
        half_m = min(max(1.35 * radius_m, 1.3 * side_m), _WIDEST * side_m)
        return frame_around((record["latitude"], record["longitude"]), half_m, _SIDE)

    def _detail(self, record: Record, frame: Frame) -> Html:
        layers = [tag("img", src=webp(self._painter.base(frame)), alt="", class_="base")]
        shapes = join(*_footprints(record, frame), *_circles(record, frame), _scale(frame))
        at = position((record["latitude"], record["longitude"]), accuracy_m(record))
        about = f"Map round {at}, with the outlines of the candidates"
        return figure(_geo(frame, layers, shapes, about), _circle_caption(record))

    def _overview(self, record: Record, heat: Floats | None) -> Html:
        frame, layers = self._whole, [tag("div", class_="base whole")]
        if heat is not None:
            veil = webp(self._painter.heat(frame, heat, keep=True), 70)
            layers.append(tag("img", src=veil, alt=""))
        about = f"Heat over all {count(self._num_tiles)} tiles of the gallery"
        caption = join(
            f"Belief over all {count(self._num_tiles)} tiles: ",
            tag("i", class_="key", aria_hidden="true"),
            "little to most (cube root, so that a thousandth of the best still shows).",
        )
        shapes = join(*_footprints(record, frame, has_ranks=False), *_circles(record, frame))
        return figure(_geo(frame, layers, shapes, about), caption)


def _geo(frame: Frame, layers: list[Html], shapes: Html, about: str) -> Html:
    picture = tag(
        "svg",
        tag("title", about),
        shapes,
        viewBox=f"0 0 {frame.width} {frame.height}",
        role="img",
    )
    ratio = f"aspect-ratio:{frame.width}/{frame.height}"
    return tag("div", *layers, picture, class_="geo", style=ratio)


def _footprints(record: Record, frame: Frame, *, has_ranks: bool = True) -> list[Html]:
    """Return the candidates' outlines, the best on top, each with its rank."""
    parts = []
    for one in reversed(record["candidates"]):
        outline = path_of(frame, np.array(one["corners"]))
        first = " first" if one["rank"] == 1 else ""
        parts.append(tag("path", d=outline, class_=f"foot foot-{one['rank']}{first}"))
        if has_ranks:
            x, y = frame.xy(np.array([one["corners"][0]]))[0]
            parts.append(tag("text", one["rank"], x=f"{x + 6:.1f}", y=f"{y + 16:.1f}"))
    return parts


def _circles(record: Record, frame: Frame) -> list[Html]:
    """Return the radii and the place itself."""
    latlon = (record["latitude"], record["longitude"])
    parts = []
    for key, kind in (("radius_90_m", "radius"), ("radius_50_m", "radius inner")):
        radius_m = record[key]
        if radius_m is not None and 0 < radius_m < _LARGEST_CIRCLE_M:
            path = circle(frame, latlon, radius_m)
            parts += [tag("path", d=path, class_="case"), tag("path", d=path, class_=kind)]
    x, y = frame.xy(np.array([latlon]))[0]
    parts.append(tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="6", class_="dot"))
    return parts


def _circle_caption(record: Record) -> str:
    if record["radius_90_m"] is None:
        return "The place, and the outlines of the best tiles with their ranks."
    within = metres(record["radius_90_m"])
    beyond = " (too large to draw)" if record["radius_90_m"] >= _LARGEST_CIRCLE_M else ""
    return (
        f"The place with its 50 % circle (dashed) and 90 % circle, {within}{beyond}; outlines: "
        "the best tiles with their ranks."
    )


def _scale(frame: Frame) -> Html:
    """Return a bar of a round length, about a quarter of the window."""
    most_m = frame.ground_m_per_px() * frame.width / 4
    power = 10 ** np.floor(np.log10(most_m))
    length_m = float(power * max(step for step in (1, 2, 5) if step * power <= most_m))
    wide, y = length_m / frame.ground_m_per_px(), frame.height - 14
    path = f"M14 {y}h{wide:.1f}"
    return join(
        tag("path", d=path, class_="scale case"),
        tag("path", d=path, class_="scale"),
        tag("text", round_metres(length_m), x="14", y=f"{y - 8}", class_="small"),
    )
