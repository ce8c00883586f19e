"""What held-out photos taught about a refiner: how far off its places are, and what chance reaches.

Radii are for accepted places; where a refiner refuses, retrieval's answer stays, with the radii
that such photos need.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from georet.contracts.refining import Refinement

_LEAST_M = 1e-6
POOLED = ""
"""The key of what all methods of a refiner have in common."""


@dataclass(frozen=True)
class Method:
    """A method's places: the radii, the chance that they are right, and the least clearness.

    A place whose matches scatter by s metres (``sigma_of``) lies within ``factor_50`` s **
    ``power`` metres of the truth in half of the cases, ``factor_90`` s ** ``power`` in nine of ten.
    Of ``num`` accepted places ``right`` (a share) lay within reach. ``least``: below it chance
    accepts places too; None: nothing is known of that.
    """

    power: float
    factor_50: float
    factor_90: float
    right: float
    num: int
    least: float | None = None

    def radii_m(self, sigma_m: float) -> tuple[float, float]:
        """Return the radii for 50 % and 90 %, without a floor."""
        scale = sigma_m**self.power
        return self.factor_50 * scale, self.factor_90 * scale


@dataclass(frozen=True)
class Refining:
    """What is known of a refiner on one gallery, by method.

    ``about`` names it with its options (``georet.locate.refine.about``). ``floor_m``, half a pixel
    of the map, is the least radius. ``mass_50`` and ``mass_90`` are the shares of belief whose
    radius holds the truth of photos that were refused. ``refused`` is the share of such photos.
    ``num_wrong`` times the refiner was given tiles that don't show the photo's place, and accepted
    one ``wrong_accepted`` times, before ``least`` was learnt from these.
    """

    about: Mapping[str, Any]
    floor_m: float
    mass_50: float
    mass_90: float
    refused: float
    num_wrong: int
    wrong_accepted: int
    methods: Mapping[str, Method] = field(default_factory=dict)

    def method(self, by: str) -> Method | None:
        """Return what is known of a method, or of all where it alone is unknown."""
        return self.methods.get(by, self.methods.get(POOLED))

    def radii_m(self, found: Refinement) -> tuple[float | None, float | None]:
        """Return the radii of an accepted place; None where its method was never accepted."""
        method = self.method(found.by)
        if method is None:
            return None, None
        inner, outer = method.radii_m(sigma_of(found))
        return max(inner, self.floor_m), max(outer, self.floor_m)

    def checked(self, found: Refinement) -> Refinement:
        """Return the answer, refused where chance reaches its clearness on this gallery."""
        least = {key: one.least for key, one in self.methods.items()}.get(found.by)
        if not found.is_accepted or least is None or found.clearness is None:
            return found
        if found.clearness >= least:
            return found
        reason = f"clearness {found.clearness:.1f}, on this gallery {least:.1f} is needed"
        return replace(found, reason=reason)

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what ``dataclasses.asdict`` made JSON values of."""
        methods = {key: Method(**one) for key, one in values["methods"].items()}
        return cls(**{**values, "methods": methods})


def sigma_of(found: Refinement) -> float:
    """Return what an accepted place's errors go with, in metres: its scatter, if it is told."""
    if found.scatter_m is not None:
        return max(found.scatter_m, _LEAST_M)
    assert found.covariance_m2 is not None
    return math.sqrt(float(np.trace(found.covariance_m2)) / 2)
