"""``Encoder``: an encoder by its name, in one class for callers from Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from georet.contracts.running import Session
from georet.data.images import preprocess, read_image
from georet.embeddings import embed
from georet.identity import EncoderIdentity
from georet.plugins import Selection
from georet.pretrained.hub import push
from georet.pretrained.making import run_folder
from georet.sessions import AUTO, SessionSpec
from georet.types import QUERY, Floats, Pixels


class Encoder:
    """One view of an encoder: images to embeddings of unit length.

    ``path`` is the folder of its run or artefact, which `georet` commands take.
    """

    def __init__(self, path: Path, session: Session) -> None:
        self.path, self._session = path, session

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        view: str = QUERY,
        backend: str = AUTO,
        checkpoint: str = "last",
        plugins: Sequence[str] | None = None,
    ) -> Self:
        """Open ``hub:ORG/NAME``, ``timm:MODEL?...``, or the folder of a run or artefact.

        What comes from a hub is fetched once, verified, and holds no code. Raises DataError and
        UsageError as the commands do.
        """
        selection = Selection.of(plugins)
        path = run_folder(name, selection=selection)
        spec = SessionSpec(path, view, backend, checkpoint, selection)
        return cls(path, spec.open())

    @property
    def identity(self) -> EncoderIdentity:
        """What decides the embeddings."""
        return self._session.identity

    def embed(self, images: Sequence[Path | str | Pixels]) -> Floats:
        """Return embeddings float32[N, D] of files, or of uint8[H, W, 3], RGB, of any size."""
        size, rule = self.identity.size, self.identity.resize_rule
        read = [
            preprocess(image, size, rule)
            if isinstance(image, np.ndarray)
            else read_image(Path(image), size=size, rule=rule)
            for image in images
        ]
        if not read:
            return np.empty((0, self.identity.embed_dim), np.float32)
        return embed(self._session, np.stack(read))

    def push_to_hub(self, name: str, *, licence: str, private: bool = True) -> str:
        """Push the encoder's run to ``ORG/NAME``, or to a folder; return where it is now."""
        return push(self.path, name, licence=licence, private=private)

    def close(self) -> None:
        """Free what the encoder holds."""
        self._session.close()
