"""What decides an embedding: the trained weights, the view, the pre-processing, the runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from georet.errors import DataError, UsageError


@dataclass(frozen=True)
class EncoderIdentity:
    """Says which encoder a session executes, and how.

    ``weights_sha256`` is that of the whole encoder (all branches), whatever file holds it now, so
    that embeddings of two sessions may be compared exactly when it is the same. ``size`` is height
    and width in pixels; ``resize_rule`` names how images are brought to it.
    """

    weights_sha256: str
    view: str
    size: tuple[int, int]
    embed_dim: int
    resize_rule: str
    precision: str
    backend: str

    def is_comparable(self, other: EncoderIdentity) -> bool:
        """Whether embeddings of both lie in one space: same weights, same way of resizing."""
        return (self.weights_sha256, self.resize_rule, self.embed_dim) == (
            other.weights_sha256,
            other.resize_rule,
            other.embed_dim,
        )

    def as_json(self) -> dict[str, Any]:
        """Return JSON values that ``from_json`` reads."""
        return {**asdict(self), "size": list(self.size)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, where: str) -> EncoderIdentity:
        """Return the identity written by ``as_json``; DataError for anything else."""
        try:
            height, width = map(int, values["size"])
            known = {field.name: values[field.name] for field in fields(cls)}
            return cls(**{**known, "size": (height, width)})
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"describes no encoder: {error!r} is missing or wrong", where=where
            ) from error


def check_comparable(found: EncoderIdentity, wanted: EncoderIdentity, where: str) -> None:
    """Raise UsageError that names what differs unless both embed into the same space."""
    if found.is_comparable(wanted):
        return
    raise UsageError(
        f"is not the encoder that the gallery was built with: it is {_described(found)}, "
        f"the gallery's was {_described(wanted)}",
        where=where,
        hint="Name the right one with --encoder, or build the gallery again with this one.",
    )


def _described(identity: EncoderIdentity) -> str:
    sha256, rule = identity.weights_sha256, identity.resize_rule
    return f"{sha256[:16]} ({identity.embed_dim}-d, {rule})"
