"""The refiner ``dense``: the whole photo against the map, for another sensor or an outdated map.

It needs heading, tilt, height and lens, roughly. The photo is drawn as the map shows it, moved
over it to where their edges agree best, and then matched patch by patch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from georet.contracts.refining import Camera, Refinement, Tile
from georet.refiners.answers import MOST_TILT_DEG, Found, refinement_of
from georet.refiners.coarse import Coarse, Templates, lit_places
from georet.refiners.patches import Fitted, fitted_patches, lit_score
from georet.types import Pixels

CERTAIN_Z: Final = 8.0
"""With a peak so far above all others no other candidate is asked."""
CERTAIN: Final = 10.0
"""With patches that fit so well no other place is tried."""
TRIED: Final = 4
"""So many places of all candidates are fitted by patches."""
LIT: Final = 1 / 3
"""So much of a fit must be left on lit ground, unless what is left is clear by itself: half or more
is where it is right."""


def can_be_asked(camera: Camera) -> bool:
    """Return whether enough is known of a camera, and it looks down enough."""
    told = camera.heading_deg, camera.tilt_deg, camera.height_m, camera.fov_deg
    if any(one is None for one in told) or camera.tilt_deg is None:
        return False
    return camera.tilt_deg <= MOST_TILT_DEG - 10


class Dense:
    """Places photos by orientation channels (CFOG) over the ``top`` best candidates.

    The whole photo is moved over each candidate, and where it fits best it is fitted patch by
    patch. ``inliers`` patches must agree, and their fit (``Fitted.score``, times the root of how
    many times ``inliers`` agree) must reach ``clear``: chance brings a good fit or many patches
    that agree, seldom both.
    """

    def __init__(self, top: int = 4, clear: float = 5.0, inliers: int = 20) -> None:
        self.max_candidates, self.clear, self.inliers = top, clear, inliers

    def __call__(self, photo: Pixels, tiles: Sequence[Tile], camera: Camera) -> Refinement:
        """Return where the photo looks; refused with the reason where nothing is certain."""
        if not can_be_asked(camera):
            return Refinement.refused("heading, tilt, height and field of view must be known")
        templates, places = Templates(photo, camera), list[Coarse]()
        for number, tile in enumerate(tiles[: self.max_candidates]):
            found = templates.places(number, tile)
            places += found
            if found and found[0].z > CERTAIN_Z:
                break
        places.sort(key=lambda one: -one.z)
        best: tuple[Fitted, Coarse] | None = None
        for place in places[:TRIED]:
            fitted = fitted_patches(photo, place.window, place.camera, camera)
            if fitted is not None and (best is None or self._clear(fitted) > self._clear(best[0])):
                best = fitted, place
            if fitted is not None and fitted.score > CERTAIN:
                break
        if best is not None and self._is_clear(best[0]):
            lit, score = self._lit(photo, best, camera), self._clear(best[0])
            if lit is None:
                refused = Refinement.refused("the photo fits by the map's shadows alone")
                return replace(refused, by="dense", clearness=score)
            best = lit
        if best is None:
            return Refinement.refused("no candidate shows what the photo shows")
        return replace(
            self._answer(photo, *best, camera), by="dense", clearness=self._clear(best[0])
        )

    def _lit(
        self, photo: Pixels, best: tuple[Fitted, Coarse], camera: Camera
    ) -> tuple[Fitted, Coarse] | None:
        """Return the best fit, another one of lit ground, or None.

        Shadows of another hour lie beside those of the map, all by the same step, and pull the
        whole photo along: such a fit has nothing left without what is dark.
        """
        fitted, place = best
        if lit_score(photo, place.window, fitted, camera) >= min(LIT * fitted.score, self.clear):
            return best
        for other in lit_places(photo, place, fitted.camera):
            again = fitted_patches(photo, other.window, other.camera, camera, is_lit=True)
            if again is not None and self._is_clear(again):
                return again, other
        return None

    def _is_clear(self, fitted: Fitted) -> bool:
        return len(fitted.ground) >= self.inliers and self._clear(fitted) >= self.clear

    def _clear(self, fitted: Fitted) -> float:
        return fitted.score * math.sqrt(len(fitted.ground) / self.inliers)

    def _answer(self, photo: Pixels, fitted: Fitted, place: Coarse, camera: Camera) -> Refinement:
        num = len(fitted.ground)
        if self._clear(fitted) < self.clear:
            reason = f"patches fit by {self._clear(fitted):.1f}, {self.clear:g} is needed"
            return Refinement.refused(reason, inliers=num)
        if num < self.inliers:
            reason = f"{num} patches agree, {self.inliers} are needed"
            return Refinement.refused(reason, inliers=num)
        found = Found(
            tile=place.number,
            window=place.window,
            ground=place.window.exact(fitted.ground),
            pixels=fitted.pixels,
            matrix=fitted.camera.homography,
        )
        return refinement_of(found, photo, fitted.camera.lens, camera)
