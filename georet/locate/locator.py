"""``Locator``: photos in, places out, with one gallery and one encoder held open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from georet.contracts.refining import Refiner
from georet.contracts.running import Session
from georet.contracts.searching import Reranker, Searchable
from georet.data.images import MAX_PIXELS
from georet.errors import DataError, UsageError
from georet.gallery.indexes import open_index
from georet.gallery.pictures.originals import Originals
from georet.ground.footprints import bounds_latlon
from georet.identity import check_comparable
from georet.locate.calibration import Calibration, fitting_calibration
from georet.locate.estimate import place_of, spread_of
from georet.locate.field import CONTENDERS, Field, best_of, heat_of, score_blocks
from georet.locate.layout import Layout
from georet.locate.prior import Prior
from georet.locate.question import Priors, Question
from georet.locate.refine import refined, tiles_of
from georet.locate.rerank import Reranking
from georet.locate.results import Location, candidates_of
from georet.locate.tuning import Tuning
from georet.photos.photos import Photo, embed_photos
from georet.plugins import UNSAID, Selection
from georet.search import is_exact
from georet.search.served import search_within
from georet.types import Bools, Doubles, Floats, Pixels

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery
    from georet.ground.region import Region


@dataclass(frozen=True)
class _Query:
    """One place that is asked for: an image, and the sum of the embeddings of all of its photos."""

    name: str
    image: Photo
    embedding: Floats
    num_photos: int
    log_prior: Doubles | None


class Locator:
    """Locates photos in a gallery; safe to keep, and to use from one thread at a time.

    With ``index`` exact, every tile is scored and ``heat`` covers the gallery; with another, only
    what the index returns is weighed, and heat is 0 elsewhere; ``selection`` says which plugins
    that index may come from. The gallery's own calibration is used, unless it is ``calibrated_by``
    another one or ``uncalibrated``; DataError if it belongs to another gallery or encoder. With a
    ``reranker``, which sees at most ``rerank_top`` tiles, it is the one that was fitted with it;
    without such a one radii and confidence are None. A ``refiner`` then places each photo within
    its best tiles, whose pixels are read from the gallery's imagery (``selection`` says which
    plugins may open it), thumbnails where that is gone. Photos of more than ``max_pixels`` are
    refused.
    """

    def __init__(
        self,
        gallery: StoredGallery,
        session: Session,
        *,
        index: str = "exact",
        calibrated_by: Calibration | None = None,
        uncalibrated: bool = False,
        reranker: Reranker | None = None,
        rerank_top: int | None = None,
        refiner: Refiner | None = None,
        with_heat: bool = True,
        selection: Selection = UNSAID,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        check_comparable(session.identity, gallery.encoder, str(gallery.path))
        self.gallery, self.session, self.refiner = gallery, session, refiner
        # Without options, which may name a server: this goes into what is handed on.
        self.index_name = index.partition("?")[0]
        self.with_heat, self.max_pixels = with_heat, max_pixels
        self._originals = Originals(gallery, selection)
        self.reranking: Reranking | None = None
        if reranker is not None:
            self.reranking = Reranking(reranker, gallery, self._originals, rerank_top, max_pixels)
        named = None if self.reranking is None else self.reranking.about
        self.calibration: Calibration | None = None
        self.tuning = Tuning()
        if not uncalibrated:
            found = fitting_calibration(gallery, calibrated_by, named)
            self.calibration, self.tuning = found
        self._has_rows = gallery.has_rows
        self._layout = Layout(*gallery.centres)
        self._index: Searchable | None = None
        if not is_exact(index):
            self._index = open_index(gallery, index, selection=selection)

    def close(self) -> None:
        """Let go of the gallery's imagery; it is opened again when it is needed."""
        self._originals.close()

    def locate(
        self,
        images: Sequence[Photo],
        *,
        k: int = 5,
        region: Region | None = None,
        prior: Priors = None,
        fuse: bool = False,
        names: Sequence[str] | None = None,
    ) -> list[Location]:
        """Return a Location for each image (a path, or uint8[H, W, 3] of any size), in order.

        ``region`` leaves out all tiles outside it; ``prior`` makes what is near likelier, one for
        all images or one each. With ``fuse`` all images show one place, and one Location comes
        back. ``names`` are what the photos are called, by default their paths. UsageError for
        k < 1, DataError for an unreadable image or a region without tiles.
        """
        question = Question(k=k, region=region, fuse=fuse)
        self._check(question)
        names = names or [
            str(image) if isinstance(image, Path) else f"image {at}"
            for at, image in enumerate(images)
        ]
        return self._located(question, images, prior, names, images)

    def answer(self, question: Question, photos: Mapping[Path, Pixels]) -> list[Location]:
        """Return what ``locate`` does for photos that were read: files, each with its pixels."""
        self._check(question)
        files = list(photos)
        names = [str(path) for path in files]
        return self._located(question, list(photos.values()), question.priors(files), names, files)

    def _check(self, question: Question) -> None:
        if question.fuse and self.refiner is not None:
            raise UsageError(
                "a refiner looks at one photo, and --fuse locates several as one",
                where="--refine",
                hint="Leave one of them out.",
            )

    def _located(
        self,
        question: Question,
        images: Sequence[Photo],
        prior: Priors,
        names: Sequence[str],
        shown: Sequence[Photo],
    ) -> list[Location]:
        """Return the locations of images; ``shown`` are what a re-ranker sees of them."""
        if not images:
            return []
        allowed = self._allowed(question.region)
        embeddings = embed_photos(images, self.session, max_pixels=self.max_pixels)
        logs = self._log_priors(prior, len(images))
        rows = zip(names, shown, embeddings, logs, strict=True)
        queries = [_Query(name, image, one, 1, log) for name, image, one, log in rows]
        if question.fuse:
            queries = [_fused(queries, is_shared=isinstance(prior, Prior))]
        found = zip(queries, self._fields(queries, allowed, question.region), strict=True)
        return [self._answer(query, field, heat, question) for query, (field, heat) in found]

    def _log_priors(self, prior: Priors, num: int) -> Sequence[Doubles | None]:
        latlon, side_m = self.gallery.centres
        if isinstance(prior, Prior):
            return [prior.log(latlon, side_m)] * num
        if prior is None:
            return [None] * num
        return [None if one is None else one.log(latlon, side_m) for one in prior]

    def _allowed(self, region: Region | None) -> Bools | None:
        if region is None:
            return None
        allowed: Bools = region.mask(self.gallery.centres[0])
        if not allowed.any():
            west, south, east, north = bounds_latlon(self.gallery.tiles.corners_latlon)
            raise DataError(
                "no tile of the gallery has its centre in the region",
                where="region",
                hint=f"The tiles lie within box:{west:.4f},{south:.4f},{east:.4f},{north:.4f} "
                "(west, south, east, north).",
            )
        return allowed

    def _fields(
        self, queries: Sequence[_Query], allowed: Bools | None, region: Region | None
    ) -> Iterator[tuple[Field, Floats]]:
        embeddings = np.stack([query.embedding for query in queries])
        if self._index is not None:
            yield from self._indexed(queries, embeddings, allowed, region, self._index)
            return
        for start, scores in score_blocks(embeddings, self.gallery.rows, allowed):
            for query, row in zip(queries[start:], scores, strict=False):
                merits = self._merits(row, query.log_prior)
                yield best_of(merits, allowed), self._heat(merits, allowed)

    def _indexed(
        self,
        queries: Sequence[_Query],
        embeddings: Floats,
        allowed: Bools | None,
        region: Region | None,
        index: Searchable,
    ) -> Iterator[tuple[Field, Floats]]:
        """Yield fields that hold only what an index returns."""
        num_tiles = len(self._layout)
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        num = min(CONTENDERS, num_tiles)
        scores, rows = search_within(index, embeddings / lengths, num, allowed, region)
        for query, length, score, row in zip(queries, lengths, scores, rows, strict=True):
            merits = np.full(num_tiles, -np.inf, np.float32)
            found = row[row >= 0]
            merits[found] = score[row >= 0] * length
            merits = self._merits(merits, query.log_prior)
            seen = np.isfinite(merits)
            yield best_of(merits, seen), self._heat(merits, seen)

    def _merits(self, scores: Floats, log_prior: Doubles | None) -> Floats:
        if log_prior is None:
            return scores
        return (scores + log_prior / self.tuning.sharpness).astype(np.float32)

    def _heat(self, merits: Floats, allowed: Bools | None) -> Floats:
        if not self.with_heat:
            return np.empty(0, np.float32)
        return heat_of(merits, allowed, self.tuning.sharpness)

    def _answer(self, query: _Query, field: Field, heat: Floats, question: Question) -> Location:
        calibration, reordering, note = self.calibration, None, ""
        if self.reranking is not None:
            sharpness = self.tuning.sharpness
            field, reordering, note = self.reranking(field, query.image, query.embedding, sharpness)
            if self.with_heat:
                belief = field.belief(sharpness)
                heat[field.rows] = belief / belief.max()
        place = place_of(field, self._layout, self.tuning)
        spread = spread_of(field, self._layout, self.tuning, place.point)
        reach_m = float(self._layout.reach_m[place.row])
        radius_50_m = radius_90_m = confidence = None
        abstained = False
        if calibration is not None:
            radius_50_m, radius_90_m = calibration.radii_m(spread)
            confidence = calibration.confidence(spread.mass_within(reach_m))
            abstained = question.may_abstain and confidence < calibration.threshold
        belief, best = field.belief(self.tuning.sharpness), field.rows[: question.k]
        tiles, scores = self.gallery.tiles_at(best), self._cosines(query, field, len(best))
        location = Location(
            photo=query.name,
            latlon=place.latlon,
            radius_50_m=radius_50_m,
            radius_90_m=radius_90_m,
            confidence=confidence,
            abstained=abstained,
            candidates=candidates_of(best, tiles, scores, belief, reordering),
            heat=heat,
            reach_m=reach_m,
            reordering=reordering,
            rerank_note=note,
        )
        if self.refiner is None:
            return location
        rows = field.rows[: max(0, self.refiner.max_candidates)]
        scores, beliefs = self._cosines(query, field, len(rows)), belief[: len(rows)]
        shown = tiles_of(rows, scores, beliefs, self.gallery.tiles_at(rows), self._originals)
        return refined(location, query.image, shown, self.refiner, max_pixels=self.max_pixels)

    def _cosines(self, query: _Query, field: Field, num: int) -> Floats:
        """Return the cosines float32[num] of the field's best tiles, exact where that can be."""
        rows = field.rows[:num]
        if self._has_rows:
            total = self.gallery.rows.take(rows) @ query.embedding
            return np.asarray(total / query.num_photos, np.float32)
        prior = 0.0 if query.log_prior is None else query.log_prior[rows] / self.tuning.sharpness
        return ((field.merits[:num] - prior) / query.num_photos).astype(np.float32)


def _fused(queries: Sequence[_Query], *, is_shared: bool) -> _Query:
    """Return all queries as one: the sum of log beliefs is that of the sum of the embeddings."""
    known = [query.log_prior for query in queries if query.log_prior is not None]
    log_prior = known[0] if is_shared or len(known) == 1 else None
    if log_prior is None and known:
        log_prior = np.sum(known, axis=0)
    total = np.sum([query.embedding for query in queries], axis=0)
    name = " + ".join(query.name for query in queries)
    return _Query(name, queries[0].image, total, len(queries), log_prior)
