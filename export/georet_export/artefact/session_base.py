"""What every runtime's session shares: checked images in, checked embeddings out, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from georet.errors import DataError, UsageError
from georet.feeding.threads import in_threads
from georet.identity import EncoderIdentity
from georet.sessions import check_images
from georet.types import Floats, Pixels
from georet_export.artefact.artefact import Artefact, read_artefact

if TYPE_CHECKING:
    from georet.feeding.overlap import Overlap

_UNIT_TOLERANCE = 1e-2
"""How far from 1 an embedding's length may be; fp16 and int8 graphs have a float32 tail."""


class ArtefactSession:
    """Executes one artefact: ``execute`` maps uint8[B, H, W, 3] to float32[B, D] in one call.

    ``batch`` are the smallest, the usual and the largest number of images at once. A runtime on a
    GPU has an ``overlap``, or takes calls from several threads (``is_threaded``): then streams of
    batches are copied and computed at the same time.
    """

    max_batch: int | None

    def __init__(
        self,
        execute: Callable[[Pixels], Floats],
        identity: EncoderIdentity,
        batch: tuple[int, int, int],
        *,
        overlap: Overlap | None = None,
        is_threaded: bool = False,
    ) -> None:
        self.identity = identity
        # What fills up small batches is made for single calls.
        self._overlap = overlap if batch[0] == 1 else None
        self._is_threaded = is_threaded
        self.held = 3 if self._overlap is not None or is_threaded else 1
        self._execute: Callable[[Pixels], Floats] | None = execute
        self._smallest, _, self._largest = batch
        self.max_batch = self._largest

    def embed(self, images: Pixels, /) -> Floats:
        """Return unit-length embeddings float32[B, D] of uint8[B, H, W, 3], RGB, any B.

        More images than the artefact takes at once are passed in parts, fewer are filled up.
        """
        check_images(images, self.identity)
        out = np.empty((len(images), self.identity.embed_dim), np.float32)
        for start in range(0, len(images), self._largest):
            part = images[start : start + self._largest]
            out[start : start + len(part)] = self.embed_once(self._filled(part))[: len(part)]
        return out

    def embed_once(self, images: Pixels) -> Floats:
        """Return float32[B, D] of one call; UsageError for a B outside the artefact's profile."""
        check_images(images, self.identity)
        if self._execute is None:
            raise UsageError("the session was closed", where=self.identity.backend)
        if not self._smallest <= len(images) <= self._largest:
            raise UsageError(
                f"{len(images)} images at once, the artefact takes "
                f"{self._smallest} to {self._largest}",
                where=self.identity.backend,
                hint="embed() passes them in parts; georet export --batch sets the range.",
            )
        embeddings = np.asarray(self._execute(np.ascontiguousarray(images)))
        wanted = (len(images), self.identity.embed_dim)
        return self._checked(embeddings, wanted)

    def embed_stream(self, batches: Iterable[Pixels], /) -> Iterator[Floats]:
        """Yield what ``embed`` returns for each batch; on a GPU copies and work overlap."""
        if self._overlap is not None:
            for embeddings in self._overlap.run(self._all_checked(batches)):
                yield self._checked(embeddings, embeddings.shape)
        elif self._is_threaded:
            yield from in_threads(self.embed, batches)
        else:
            yield from map(self.embed, batches)

    def pin(self, memory: Pixels, /) -> None:
        """Lock the memory of batches to come, so that a CUDA device copies from it by itself."""
        if self._overlap is not None:
            self._overlap.pin(memory)

    def _all_checked(self, batches: Iterable[Pixels]) -> Iterator[Pixels]:
        for images in batches:
            check_images(images, self.identity)
            yield np.ascontiguousarray(images)

    def _checked(self, embeddings: Floats, wanted: tuple[int, ...]) -> Floats:
        """Return what the runtime returned; DataError unless of that shape and unit length."""
        if embeddings.dtype != np.float32 or embeddings.shape != wanted:
            raise DataError(
                f"returned {embeddings.dtype}{list(embeddings.shape)}, "
                f"wanted float32{list(wanted)}",
                where=self.identity.backend,
                hint="The file is not the encoder that its manifest describes: export it again.",
            )
        lengths = np.linalg.norm(embeddings, axis=1)
        # Written so that NaN fails as well.
        if not (np.abs(lengths - 1) < _UNIT_TOLERANCE).all():
            raise DataError(
                f"returned an embedding of length {lengths[np.argmax(np.abs(lengths - 1))]:g}",
                where=self.identity.backend,
                hint="Half precision may overflow in this encoder: export it as fp32.",
            )
        return embeddings

    def _filled(self, images: Pixels) -> Pixels:
        """Repeat the last image until the smallest batch is reached."""
        missing = self._smallest - len(images)
        if missing <= 0:
            return images
        return np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])

    def close(self) -> None:
        """Let go of the runtime; the session can't be used afterwards."""
        if self._overlap is not None:
            self._overlap.unpin()
        self._execute = self._overlap = None


def verified(path: Path, view: str) -> Artefact:
    """Return the artefact after checking its hashes; UsageError for a view it doesn't embed."""
    artefact = read_artefact(path)
    if view not in artefact.views:
        raise UsageError(
            f"embeds the view {' and '.join(artefact.views)}, not {view!r}",
            where=str(path),
            hint="Separate branches are separate artefacts: name the folder that holds both, "
            "or the artefact of that view.",
        )
    return artefact
