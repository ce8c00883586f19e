"""``Locator``: photos in, places out, with one gallery and one encoder held open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from georet.contracts.refining import Refiner
from georet.contracts.running import Session
from georet.contracts.searching import Reranker, Searchable
from georet.data.images import MAX_PIXELS, preprocess
from georet.errors import DataError, UsageError
from georet.gallery.files.headings import headings_of
from georet.gallery.indexes import open_index
from georet.gallery.pictures.originals import Originals
from georet.ground.footprints import bounds_latlon
from georet.identity import check_comparable
from georet.locate.calibration import Calibration, fitting_calibration
from georet.locate.estimate import place_of, spread_of
from georet.locate.field import Field
from georet.locate.layout import Layout
from georet.locate.prior import Prior
from georet.locate.question import Priors, Question
from georet.locate.refine import about, as_places, refined, tiles_of
from georet.locate.rerank import Reranking
from georet.locate.results import Location, candidates_of
from georet.locate.scoring import Query, Scoring, fused
from georet.locate.tuning import Tuning
from georet.locate.voting import Votes
from georet.photos.camera.cameras import Cameras
from georet.photos.camera.facts import CameraFacts
from georet.photos.framing import AS_IS, PIECES, Framing
from georet.photos.outline import ground_corners
from georet.photos.photos import Photo, embed_views, view_photo
from georet.plugins import UNSAID, Selection
from georet.search import is_exact
from georet.sources.rasters.heights import Heights
from georet.types import Bools, Doubles, Floats, Pixels

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery
    from georet.ground.region import Region


class Locator:
    """Locates photos in a gallery; safe to keep, and to use from one thread at a time.

    With ``index`` exact, every tile is scored and ``heat`` covers the gallery; with another, only
    what the index returns is weighed, and heat is 0 elsewhere; ``selection`` says which plugins
    that index may come from. The gallery's own calibration is used, unless it is ``calibrated_by``
    another one or ``uncalibrated``; DataError if it belongs to another gallery or encoder. With a
    ``reranker``, which sees at most ``rerank_top`` tiles, it is the one that was fitted with it;
    without such a one radii and confidence are None. A ``refiner`` then places each photo within
    its best tiles, whose pixels are read from the gallery's imagery (``selection`` says which
    plugins may open it), thumbnails where that is gone; ``heights`` tell it of the
    ground. Photos of more than ``max_pixels`` are refused.
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
        heights: Heights | None = None,
    ) -> None:
        check_comparable(session.identity, gallery.encoder, str(gallery.path))
        self.gallery, self.session, self.refiner = gallery, session, refiner
        # Without options, which may name a server: this goes into what is handed on.
        self.index_name = index.partition("?")[0]
        self.with_heat, self.max_pixels, self.heights = with_heat, max_pixels, heights
        self._originals = Originals(gallery, selection)
        self.reranking: Reranking | None = None
        if reranker is not None:
            self.reranking = Reranking(reranker, gallery, self._originals, rerank_top, max_pixels)
        named = None if self.reranking is None else self.reranking.about
        self.calibration: Calibration | None = None
        self.tuning = Tuning()
        if not uncalibrated:
            at_work = None if refiner is None else about(refiner)
            found = fitting_calibration(gallery, calibrated_by, named, at_work)
            self.calibration, self.tuning = found
        self._has_rows = gallery.has_rows
        self._layout = Layout(*gallery.centres)
        found_index: Searchable | None = None
        if not is_exact(index):
            found_index = open_index(gallery, index, selection=selection)
        sharpness = self.tuning.sharpness
        rows = gallery.rows if gallery.has_rows or found_index is None else None
        votes = Votes(self._layout)
        self._scoring = Scoring(rows, found_index, len(votes), sharpness, with_heat, votes)

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
        cameras: Cameras | None = None,
    ) -> list[Location]:
        """Return a Location for each image (a path, or uint8[H, W, 3] of any size), in order.

        ``region`` leaves out all tiles outside it; ``prior`` makes what is near likelier, one for
        all images or one each. With ``fuse`` all images show one place, and one Location comes
        back. ``names`` are what photos are called, by default their paths. ``cameras`` tell how to
        turn and scale them; else the gallery says how many headings are tried. UsageError for
        k < 1, DataError for an unreadable image or a region without tiles.
        """
        question = Question(k=k, region=region, fuse=fuse, cameras=cameras)
        self._check(question)
        names = names or [
            str(image) if isinstance(image, Path) else f"image {at}"
            for at, image in enumerate(images)
        ]
        framing = self.framing(cameras, fuse=fuse)
        views = [
            view_photo(image, framing, cameras, max_pixels=self.max_pixels, at=at)
            for at, image in enumerate(images)
        ]
        pixels, how = [one.pixels for one in views], [one.how for one in views]
        return self._located(question, pixels, prior, names, images, how)

    def framing(self, cameras: Cameras | None, *, fuse: bool = False) -> Framing:
        """Return how photos are turned into what this gallery's tiles are compared with.

        Photos that ``fuse`` into one place are taken as one piece each, at one heading.
        """
        told = cameras or Cameras()
        asks = told.rotations is None and told.turns_photos and not fuse
        rotations = headings_of(self.gallery) if asks else told.rotations or 1
        framing = Framing.of_tiles(self.gallery.centres[1], self.session.identity, rotations)
        return replace(framing, pieces=1 if fuse else PIECES)

    def answer(
        self,
        question: Question,
        photos: Mapping[Path, Pixels],
        *,
        how: Mapping[Path, str] | None = None,
    ) -> list[Location]:
        """Return what ``locate`` does for photos that were read: files, each with its pixels.

        Pixels are uint8[H, W, 3] of any size, or views [V, h, w, 3] as the encoder takes them, of
        which ``how`` says how they came.
        """
        self._check(question)
        files = list(photos)
        names = [str(path) for path in files]
        size, rule = self.session.identity.size, self.session.identity.resize_rule
        views = [
            pixels if pixels.ndim == 4 else preprocess(pixels, size, rule)[None]
            for pixels in photos.values()
        ]
        said = [(how or {}).get(path, "") for path in files]
        return self._located(question, views, question.priors(files), names, files, said)

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
        views: Sequence[Pixels],
        prior: Priors,
        names: Sequence[str],
        shown: Sequence[Photo],
        how: Sequence[str],
    ) -> list[Location]:
        """Return the locations of photos by their views; ``shown`` is what a re-ranker sees."""
        if not views:
            return []
        allowed = self._allowed(question.region)
        embeddings = embed_views(views, self.session)
        logs = self._log_priors(prior, len(views))
        rows = zip(names, shown, embeddings, logs, how, strict=True)
        queries = [
            Query(name, image, some, 1, log, self._facts(image, question.cameras), said)
            for name, image, some, log, said in rows
        ]
        if question.fuse:
            queries = [fused(queries, is_shared=isinstance(prior, Prior))]
        fields = self._scoring.fields(queries, allowed, question.region)
        found = zip(queries, fields, strict=True)
        return [self._answer(query, field, heat, question) for query, (field, heat) in found]

    def _facts(self, photo: Photo, cameras: Cameras | None) -> CameraFacts | None:
        if cameras is None:
            return None
        return cameras.of(photo) if isinstance(photo, Path) else cameras.given

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

    def _answer(self, query: Query, field: Field, heat: Floats, question: Question) -> Location:
        calibration, reordering, note = self.calibration, None, ""
        if self.reranking is not None:
            sharpness = self.tuning.sharpness
            own = query.views[0]
            if len(query.views) > 1:
                best_tile = self.gallery.rows.take(field.rows[:1])[0]
                own = query.views[np.argmax(query.views @ best_tile)]
            field, reordering, note = self.reranking(field, query.image, own, sharpness)
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
            view="" if query.how == AS_IS else query.how,
            camera=None if query.facts is None else query.facts.camera(),
            footprint_latlon=None
            if query.facts is None
            else as_places(ground_corners(query.facts, place.latlon)),
        )
        if self.refiner is None or not question.refines:
            return location
        rows = field.rows[: max(0, self.refiner.max_candidates)]
        scores, beliefs = self._cosines(query, field, len(rows)), belief[: len(rows)]
        table = self.gallery.tiles_at(rows)
        shown = tiles_of(rows, scores, beliefs, table, self._originals, self.heights)
        return refined(
            location,
            query.image,
            shown,
            self.refiner,
            camera=location.camera,
            refining=None if calibration is None else calibration.refining,
            max_pixels=self.max_pixels,
        )

    def _cosines(self, query: Query, field: Field, num: int) -> Floats:
        """Return the cosines float32[num] of the field's best tiles, exact where that can be."""
        rows = field.rows[:num]
        if self._has_rows and query.offsets_m is None:
            return query.scores(self.gallery.rows.take(rows))
        prior = 0.0 if query.log_prior is None else query.log_prior[rows] / self.tuning.sharpness
        return ((field.merits[:num] - prior) / query.num_photos).astype(np.float32)
