"""The encoder that belongs to a gallery: written down at the build, found and checked later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from georet.contracts.running import Session
from georet.errors import DataError, UsageError
from georet.files import read_object
from georet.identity import EncoderIdentity, check_comparable
from georet.plugins import UNSAID, Selection
from georet.pretrained.making import run_folder
from georet.run_layout import ARTEFACT, CONFIG
from georet.sessions import AUTO, SessionSpec, artefact_of

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery

DATA_FORMATS: Final = ("onnx", "openvino")
"""Formats of artefacts that hold no code; a list, so that one that is unknown counts as code."""


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
    be named by the caller. For the same reason it is followed only to a run or to an artefact of
    ``DATA_FORMATS``, with the gallery's weights, which is checked before anything is executed; any
    other, such as an engine, must be ``source``. Raises UsageError that names both hashes unless
    the embeddings lie in the gallery's space.
    """
    if source is None:
        named = _recorded(gallery, view)
    else:
        named = SessionSpec(run_folder(source, selection=selection), view=view)
    spec = replace(named, backend=backend, selection=selection)
    session = spec.open()
    try:
        check_comparable(session.identity, gallery.encoder, str(spec.source))
    except UsageError:
        session.close()
        raise
    return session


def _recorded(gallery: StoredGallery, view: str) -> SessionSpec:
    """Return the encoder that the gallery names, held against what a gallery may name."""
    recorded = gallery.manifest.get("encoder_source")
    if not recorded:
        raise UsageError(
            "doesn't say where its encoder is",
            where=str(gallery.path),
            hint="Name the folder of the run or artefact with --encoder.",
        )
    named = recorded.get("source") if isinstance(recorded, dict) else None
    if not isinstance(named, str) or not Path(named).is_absolute():
        raise DataError(
            f"names its encoder by {named!r}, which is no absolute path; it is not followed",
            where=str(gallery.path),
            hint="Name the folder of the run or artefact with --encoder.",
        )
    source, around = Path(named), gallery.path.resolve().parent
    if not source.exists() and (around / CONFIG).is_file():
        # `georet adapt` puts a gallery into its run, and runs are renamed. What opens it compares
        # the encoder's identity, so that another run can't stand in for it.
        source = around
    if not source.exists():
        raise DataError(
            f"the encoder that {gallery.path} was built with is not there any more",
            where=named,
            hint="Name the folder where it is now with --encoder.",
        )
    artefact = artefact_of(source, view)
    if artefact is not None:
        _check_artefact(artefact, gallery, view)
    return SessionSpec(
        source,
        view=view,
        checkpoint=str(recorded.get("checkpoint", SessionSpec.checkpoint)),
        weights_sha256=gallery.encoder.weights_sha256,
    )


def _check_artefact(artefact: Path, gallery: StoredGallery, view: str) -> None:
    """Raise UsageError for an artefact that a gallery can't choose; only its manifest is read."""
    path = artefact / ARTEFACT
    manifest = read_object(path, "format", "identity")
    if manifest["format"] not in DATA_FORMATS:
        raise UsageError(
            f"is a {manifest['format']} artefact, which is code: a gallery can't choose it",
            where=str(artefact),
            hint=f"If you trust it, name it yourself: --encoder {artefact}",
        )
    views = manifest["identity"]
    if not isinstance(views, dict) or not isinstance(views.get(view), dict):
        raise DataError(f"says nothing of the view {view!r}", where=str(path))
    found = EncoderIdentity.from_json(views[view], where=str(path))
    check_comparable(found, gallery.encoder, str(artefact))
