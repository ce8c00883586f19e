"""What held-out queries taught about a gallery: tuning, radii, confidence, when to abstain."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from georet.errors import DataError
from georet.gallery.files.additions import CALIBRATION
from georet.gallery.files.manifest import hash_of
from georet.locate.estimate import Spread
from georet.locate.refining import Refining
from georet.locate.tuning import Tuning

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery

FORMAT: Final = 1
_AGAIN: Final = "`georet gallery calibrate` makes one that fits."


@dataclass(frozen=True)
class Calibration:
    """Fitted on ``num_queries`` queries for one gallery and one encoder, given by their hashes.

    ``mass_50`` and ``mass_90`` are the shares of belief whose radius holds the truth in 50 % and
    90 % of the cases. Confidence is interpolated between the knots (``mass_knots``, ascending,
    ``confidence_knots``, never falling). Photos with less than ``threshold`` are better left
    unanswered: the others are right in ``precision`` of the cases. ``held_out`` is what the same
    fit did on queries that it had not seen, as JSON values. ``reranker`` names the re-ranker that
    worked on the queries (``Reranking.about``), None: there was none; it is used with that one.
    ``refining`` is what the queries taught about a refiner, and used with that one alike.
    """

    weights_sha256: str
    gallery_sha256: str
    queries: str
    precision: float
    tuning: Tuning = field(default_factory=Tuning)
    mass_50: float = 0.5
    mass_90: float = 0.9
    mass_knots: tuple[float, ...] = (0.0, 1.0)
    confidence_knots: tuple[float, ...] = (0.0, 1.0)
    threshold: float = 0.0
    num_queries: int = 0
    held_out: Mapping[str, Any] = field(default_factory=dict)
    reranker: Mapping[str, Any] | None = None
    refining: Refining | None = None

    def radii_m(self, spread: Spread) -> tuple[float, float]:
        """Return the radii in metres that hold the truth in 50 % and in 90 % of the cases.

        With a refiner they are those of photos that it refuses.
        """
        masses = self if self.refining is None else self.refining
        return spread.radius_m(masses.mass_50), spread.radius_m(masses.mass_90)

    def confidence(self, mass: float) -> float:
        """Return the chance that the truth is within reach, given the belief within reach."""
        return float(np.interp(mass, self.mass_knots, self.confidence_knots))

    def as_bytes(self) -> bytes:
        """Return JSON that ``from_bytes`` reads."""
        values = asdict(self)
        for name in ("reranker", "refining"):
            if values[name] is None:
                del values[name]
        return (json.dumps({"format": FORMAT, **values}, indent=2) + "\n").encode()

    @classmethod
    def from_bytes(cls, content: bytes, *, where: str) -> Calibration:
        """Return the calibration in ``content``; DataError for anything else."""
        try:
            values = json.loads(content)
            if values.pop("format") != FORMAT:
                raise DataError("is of another version of georet", where=where, hint=_AGAIN)
            tuning = Tuning(**values.pop("tuning"))
            for name in ("mass_knots", "confidence_knots"):
                values[name] = tuple(map(float, values[name]))
            if "refining" in values:
                values["refining"] = Refining.of_json(values["refining"])
            return cls(tuning=tuning, **values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"is no calibration: {error!r}", where=where, hint=_AGAIN) from error


def own_calibration(
    gallery: StoredGallery,
    reranker: Mapping[str, Any] | None = None,
    refiner: Mapping[str, Any] | None = None,
) -> Calibration | None:
    """Return the calibration that is kept in a gallery, or None.

    With ``reranker`` (``Reranking.about``) or ``refiner`` the one that was fitted with it: of the
    same id, options and number of tiles, whatever the version of its plugin.
    """
    name = calibration_file(reranker, refiner=refiner)
    content = gallery.read_addition(name)
    where = str(gallery.path / name)
    return None if content is None else Calibration.from_bytes(content, where=where)


def calibration_file(
    reranker: Mapping[str, Any] | None,
    ending: str = ".json",
    *,
    refiner: Mapping[str, Any] | None = None,
) -> str:
    """Return the name in a gallery of the calibration fitted with a re-ranker and a refiner."""
    name = CALIBRATION.removesuffix(".json")
    for one in (reranker, refiner):
        if one is not None:
            told = {key: value for key, value in one.items() if key != "of"}
            named = re.sub(r"[^A-Za-z0-9]+", "-", str(one["id"])).strip("-")
            name += f"-{named}-{hash_of(told)[:12]}"
    return name + ending


def own_file(calibration: Calibration, ending: str = ".json") -> str:
    """Return the name in a gallery under which a calibration is kept."""
    refining = calibration.refining
    about = None if refining is None else refining.about
    return calibration_file(calibration.reranker, ending, refiner=about)


def fitting_calibration(
    gallery: StoredGallery,
    given: Calibration | None,
    reranker: Mapping[str, Any] | None,
    refiner: Mapping[str, Any] | None = None,
) -> tuple[Calibration | None, Tuning]:
    """Return what vouches for radii, if anything does, and the tuning of beliefs.

    A calibration without the re-ranker knows how sharp scores are, and not how often its order is
    right: of that one only the tuning is taken. One without the refiner vouches for retrieval.
    """
    plain = given or own_calibration(gallery)
    own = plain
    if plain is None or own_file(plain) not in (
        calibration_file(reranker, refiner=refiner),
        calibration_file(reranker),
    ):
        own = None if reranker is None else own_calibration(gallery, reranker)
    if refiner is not None and (given is None or given.refining is None):
        own = own_calibration(gallery, reranker, refiner) or own
    for one in filter(None, (plain, own)):
        check_calibration(one, gallery)
    tuned = own or plain
    return own, Tuning() if tuned is None else tuned.tuning


def check_calibration(calibration: Calibration, gallery: StoredGallery) -> None:
    """Raise DataError that names the encoder or the gallery, if it was made for another."""
    wanted = {
        "encoder": (calibration.weights_sha256, gallery.encoder.weights_sha256),
        "gallery": (calibration.gallery_sha256, hash_of(gallery.manifest)),
    }
    for name, (fitted, found) in wanted.items():
        if fitted != found:
            raise DataError(
                f"the calibration was made for another {name}: {fitted[:16]}, this is {found[:16]}",
                where=str(gallery.path / CALIBRATION),
                hint=_AGAIN,
            )
