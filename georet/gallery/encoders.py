"""The encoder that belongs to a gallery: written down at the build, found and checked later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from georet.contracts.running import Session
from georet.errors import DataError, UsageError
from georet.identity import EncoderIdentity
from georet.plugins import UNSAID, Selection
from georet.sessions import AUTO, SessionSpec

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery


def open_encoder(
    gallery: StoredGallery,
    view: str,
    *,
    source: Path | None = None,
    backend: str = AUTO,
    selection: Selection = UNSAID,
) -> Session:
    """Open the encoder recorded in a gallery, or the one at ``source``, for queries to it.

    A gallery may come from anybody, so it names no plugins; those that are files or modules must
    be named by the caller. Raises UsageError that names both hashes unless the embeddings lie in
    the gallery's space.
    """
    recorded = gallery.manifest.get("encoder_source") or {}
    spec = SessionSpec(
        _recorded_source(recorded, gallery.path) if source is None else source,
        view=view,
        backend=backend,
        checkpoint=SessionSpec.checkpoint if source else str(recorded["checkpoint"]),
        selection=selection,
    )
    session = spec.open()
    try:
        check_comparable(session.identity, gallery.encoder, str(spec.source))
    except UsageError:
        session.close()
        raise
    return session


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


def _recorded_source(recorded: Mapping[str, Any], gallery_path: Path) -> Path:
    if not recorded:
        raise UsageError(
            "doesn't say where its encoder is",
            where=str(gallery_path),
            hint="Name the folder of the run or artefact with --encoder.",
        )
    source = Path(recorded["source"])
    if not source.exists():
        raise DataError(
            f"the encoder that {gallery_path} was built with is not there any more",
            where=str(source),
            hint="Name the folder where it is now with --encoder.",
        )
    return source
