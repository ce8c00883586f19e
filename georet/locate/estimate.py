"""From a score field to a place: the mode of the belief on the sphere, and how far it spreads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.geodesy import EARTH_RADIUS_M
from georet.locate.field import Field
from georet.locate.layout import Layout, latlon_of
from georet.locate.tuning import Tuning
from georet.types import Doubles

_CANDIDATE_MODES: Final = 256
"""The mode is one of so many best tiles; more would cost, since each is compared with each."""
_MODE_SOFTNESS, _MODE_WIDTH = 0.5, 2.0
"""As shares of sharpness and bandwidth: a group of good tiles shall beat one that stands alone."""
_STEPS: Final = 30
_SETTLED: Final = 1e-3
"""A step of this share of the kernel's width is the last one."""
_QUANTILES: Final = 8
_KNOTS: Final = 1001


@dataclass(frozen=True)
class Place:
    """An estimate: point float64[3] on the unit sphere, and the row of the tile at its mode."""

    point: Doubles
    row: int

    @property
    def latlon(self) -> tuple[float, float]:
        """Latitude and longitude in degrees."""
        return latlon_of(self.point)


def place_of(field: Field, layout: Layout, tuning: Tuning) -> Place:
    """Return where the belief of a field with at least one tile gathers.

    The tile with most belief around it is the start; from there mean shift (Comaniciu and Meer,
    PAMI 24 (5), 2002) with a Gaussian kernel climbs to a mode of a softened belief, which lies
    between tiles where several of them agree.
    """
    at = mode_of(field, layout, tuning)
    return Place(shifted(field, layout, tuning, at), int(field.rows[at]))


def mode_of(field: Field, layout: Layout, tuning: Tuning) -> int:
    """Return the position in the field of the tile that has most belief around it."""
    rows = field.rows[:_CANDIDATE_MODES]
    belief = field.belief(_MODE_SOFTNESS * tuning.sharpness)[:_CANDIDATE_MODES]
    points = layout.points[rows]
    width = _MODE_WIDTH * tuning.bandwidth * layout.spacing_m(rows) / EARTH_RADIUS_M
    # Points of unit length: 2 - 2 cos is the chord squared, so this is exp(-chord^2 / (2 width^2)).
    near = np.exp((points @ points.T - 1) / width[:, None] ** 2)
    return int(np.argmax(near @ belief))


def shifted(field: Field, layout: Layout, tuning: Tuning, at: int) -> Doubles:
    """Return the point float64[3] to which mean shift leads from the field's tile ``at``."""
    points, weights = layout.points[field.rows], field.belief(tuning.softness * tuning.sharpness)
    width = tuning.bandwidth * float(layout.spacing_m(field.rows[at : at + 1])[0]) / EARTH_RADIUS_M
    # Beyond some widths the kernel is nothing, and a shift rarely gets further than two.
    close = points @ points[at] > 1 - 0.5 * min(7 * width, np.pi / 2) ** 2
    points, weights = points[close], weights[close]
    point: Doubles = layout.points[field.rows[at]]
    for _ in range(_STEPS):
        mean = (weights * np.exp((points @ point - 1) / width**2)) @ points
        mean /= np.linalg.norm(mean)  # back onto the sphere, which a mean lies below
        step, point = float(np.linalg.norm(mean - point)), mean
        if step < _SETTLED * width:
            break
    return point


@dataclass(frozen=True)
class Spread:
    """How belief lies about a place: distances float64[S] in metres, ascending, and mass [S].

    ``mass`` is the share of belief up to each distance.
    """

    distance_m: Doubles
    mass: Doubles

    def mass_within(self, distance_m: float) -> float:
        """Return the share of belief within a distance of the place."""
        return float(np.interp(distance_m, *self._from_zero()))

    def radius_m(self, mass: float) -> float:
        """Return the smallest radius about the place that holds this share of belief."""
        distance, masses = self._from_zero()
        return float(np.interp(mass, masses, distance))

    def thinned(self) -> Spread:
        """Return the same at a thousandth of the belief each, for keeping many of them."""
        mass = np.linspace(0, 1, _KNOTS)
        distance, masses = self._from_zero()
        return Spread(np.interp(mass, masses, distance), mass)

    def _from_zero(self) -> tuple[Doubles, Doubles]:
        """Return distances and masses with both ends, 0 and all of the belief."""
        farthest = self.distance_m[-1:]
        distance_m = np.concatenate([[0.0], self.distance_m, farthest])
        return distance_m, np.concatenate([[0.0], self.mass, [1.0]])


def spread_of(field: Field, layout: Layout, tuning: Tuning, point: Doubles) -> Spread:
    """Return how the belief of a field lies about a point float64[3].

    The truth scatters about its tile's centre as a Gaussian of ``spread`` times the side. Of the
    squared distance that it adds, exponentially distributed, every tile contributes quantiles.
    """
    belief = field.belief(tuning.sharpness, tuning.stray)
    centre_m = layout.distance_m(point, field.rows)
    scatter_m = tuning.spread * layout.side_m[field.rows]
    # Squared radius of a Gaussian in the plane, in variances, at the middles of equal shares. Its
    # direction is averaged out: what is left of it is that squares of distances add.
    quantiles = -2 * np.log1p(-(np.arange(_QUANTILES) + 0.5) / _QUANTILES)
    distance_m = np.sqrt(centre_m[:, None] ** 2 + scatter_m[:, None] ** 2 * quantiles).ravel()
    order = np.argsort(distance_m)
    shares = np.repeat(belief / _QUANTILES, _QUANTILES)[order]
    # Half of a share lies nearer than its middle.
    return Spread(distance_m[order], np.cumsum(shares) - shares / 2)
