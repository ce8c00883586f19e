"""What an opened encoder and a back end must do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from georet.identity import EncoderIdentity
from georet.types import Floats, Pixels


@runtime_checkable
class Session(Protocol):
    """Embeds the images of one view, whatever executes the encoder: torch or an exported file."""

    identity: EncoderIdentity
    max_batch: int | None
    """The most images that ``embed`` passes to the runtime at once; None: no limit of its own."""

    def embed(self, images: Pixels, /) -> Floats:
        """Return unit-length embeddings float32[B, D] of uint8[B, H, W, 3], RGB, any B."""

    def close(self) -> None:
        """Release what the runtime holds."""


@runtime_checkable
class Streaming(Session, Protocol):
    """A session that copies and computes at the same time, where it is given batch after batch."""

    held: int
    """The most batches that ``embed_stream`` takes before it yields the first embeddings."""

    def embed_stream(self, batches: Iterable[Pixels], /) -> Iterator[Floats]:
        """Yield what ``embed`` returns for each batch uint8[B, H, W, 3], B > 0, in their order.

        A batch's array stays as it is until its embeddings are yielded, not longer.
        """

    def pin(self, memory: Pixels, /) -> None:
        """Get ready for batches that lie in uint8[N, B, H, W, 3]; they need not lie there."""


@runtime_checkable
class Backend(Protocol):
    """One runtime that executes artefacts."""

    def refuses(self, artefact: Path) -> str | None:
        """Say why this runtime, on this machine, can't execute the artefact's format; else None.

        Nothing of the artefact but its manifest is read.
        """

    def open(self, artefact: Path, view: str, *, threads: int | None = None) -> Session:
        """Verify the artefact against its manifest, then load it."""
