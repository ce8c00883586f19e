"""Contact sheet: queries with the references that came first, right and wrong ones marked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from georet.page.markup import Html, join, tag
from georet.page.readable import count, metres, position
from georet.page.thumbnails import Thumbnails
from georet.report.judged import JudgedSet, RunReport
from georet.types import Ints

_SHOWN = 8
_WORST = (("worst rank", 3), ("farthest off", 2))
_TOP = 5
_SIDE = 128
_MARKS = {
    "right": ("✓", "right"),
    "near": ("≈", "a semi-positive"),
    "wrong": ("✗", "wrong"),
}


@dataclass(frozen=True)
class Case:
    """A query to show and why it was chosen."""

    query: int
    reason: str


def contact_sheet(report: RunReport) -> Html:
    """Return the missed and the found queries of the main set, chosen with the run's seed."""
    judged, seed = report.judged, report.run.manifest.seed or 0
    pictures = Thumbnails(_SIDE)
    sheet = _Sheet(judged, pictures)
    missed = [sheet.card(case) for case in chosen_misses(judged, seed)]
    found = [sheet.card(case) for case in chosen_hits(judged, seed)]
    num_hits = int(judged.hits.sum())
    positives = judged.data.positives
    has_semi = isinstance(positives, np.ndarray) and positives[..., 1:].size > 0
    about = (
        f"Each query of {judged.name} with the references that scored highest, their cosine and "
        "their distance; where the true one is not among them it stands at the end. "
        f"{'≈ marks semi-positives, which show the place too. ' if has_semi else ''}"
        "Those drawn at random are typical, the worst ones are not."
    )
    parts = [
        tag("p", about, class_="aside"),
        _group(f"Found at first place ({count(num_hits)})", found),
        _group(f"Missed ({count(len(judged.hits) - num_hits)})", missed),
    ]
    if pictures.num_unreadable:
        text = f"{pictures.num_unreadable} images could not be read."
        parts.append(tag("p", text, class_="absent"))
    return join(*parts)


def chosen_hits(judged: JudgedSet, seed: int) -> list[Case]:
    """Return queries found at first place, drawn at random, no two of one reference."""
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(judged.hits))
    return list(_distinct(judged, rows, "drawn at random", _SHOWN, set()))


def chosen_misses(judged: JudgedSet, seed: int) -> list[Case]:
    """Return missed queries: some at random, then the worst by rank and by distance."""
    rank = judged.ranked.rank
    missed = np.flatnonzero(rank > 0)
    worst = [(_WORST[0], missed[np.argsort(-rank[missed], kind="stable")])]
    if judged.has_positions:
        worst.append((_WORST[1], missed[np.argsort(-judged.error_m[missed], kind="stable")]))
    seen: set[int] = set()
    extreme: list[Case] = []
    for (reason, num), rows in worst:
        extreme += _distinct(judged, rows, reason, num, seen)
    drawn = np.random.default_rng(seed + 1).permutation(missed)
    num = _SHOWN - len(extreme)
    return [*_distinct(judged, drawn, "drawn at random", num, seen), *extreme]


def _distinct(
    judged: JudgedSet, rows: Ints, reason: str, num: int, seen: set[int]
) -> Iterator[Case]:
    """Yield up to ``num`` cases in the order of ``rows``, skipping references already ``seen``."""
    for row in rows.tolist():
        positive = int(judged.ranked.positive[row])
        if num and positive not in seen:
            seen.add(positive)
            num -= 1
            yield Case(row, reason)


def _group(title: str, cards: list[Html]) -> Html:
    nothing = tag("p", "There is none.", class_="absent")
    return join(tag("h3", title), tag("div", *cards, class_="cards") if cards else nothing)


@dataclass(frozen=True)
class _Sheet:
    judged: JudgedSet
    pictures: Thumbnails

    def card(self, case: Case) -> Html:
        """Return one query, in words and pictures, with the references that came first."""
        ranked = self.judged.ranked
        rank, top = int(ranked.rank[case.query]), ranked.top[case.query, :_TOP]
        num_tiles = int((top >= 0).sum())
        tiles = [self.tile(case.query, place) for place in range(num_tiles)]
        if rank >= num_tiles:
            truth = int(ranked.positive[case.query])
            tiles.append(self.piece(case.query, truth, "✓ truth", "the right one", "truth"))
        queries = self.judged.data.queries
        path = queries.paths[case.query]
        photo = self.pictures.picture(path, f"query {queries.ids[case.query]}")
        return tag(
            "figure",
            tag("div", photo, class_="query"),
            self.words(case, rank),
            tag("ol", *tiles, class_="tiles"),
            class_="case panorama" if self.pictures.is_panorama(path) else "case",
        )

    def words(self, case: Case, rank: int) -> Html:
        """Return what became of the query, why it is shown, its id and where it is."""
        queries = self.judged.data.queries
        verdict = "✓ found" if rank == 0 else f"✗ missed, right one at place {count(rank + 1)}"
        words = [tag("b", verdict, class_="right" if rank == 0 else "wrong")]
        words += [tag("span", case.reason), tag("span", queries.ids[case.query], class_="id")]
        if queries.latlon is not None:
            words.append(tag("span", position(queries.latlon[case.query])))
        return tag("figcaption", *words)

    def tile(self, query: int, place: int) -> Html:
        """Return the reference at a place of the ranking, with its mark and score."""
        ranked = self.judged.ranked
        row = int(ranked.top[query, place])
        mark, word = _MARKS[kind := self.judged.kind_of(query, row)]
        head = f"{mark} {ranked.top_score[query, place]:.2f}"
        return self.piece(query, row, head, f"place {place + 1}, {word}", kind)

    def piece(self, query: int, row: int, head: str, word: str, kind: str) -> Html:
        """Return a reference with its caption and how far from the query it is."""
        gallery, far = self.judged.data.gallery, ""
        if self.judged.has_positions:
            far = metres(float(self.judged.distance_m(np.array([query]), np.array([row]))[0]))
        alt = ", ".join(filter(None, (f"reference {gallery.ids[row]}", word, far)))
        image = self.pictures.picture(gallery.paths[row], alt)
        return tag("li", image, tag("span", head), tag("span", far) if far else "", class_=kind)
