"""Photos to places: scores of all tiles, a belief, a position with calibrated radii."""

from georet.locate.locator import Locator
from georet.locate.prior import Prior
from georet.locate.results import Candidate, Location

__all__ = ["Candidate", "Location", "Locator", "Prior"]
