"""A session without a network: for tests of all that comes after embedding."""

from __future__ import annotations

import cv2
import numpy as np

from georet.data.images import RESIZE_RULE
from georet.identity import EncoderIdentity
from georet.sessions import check_images
from georet.types import QUERY, Floats, Pixels

_SIDE = 12


class PixelSession:
    """Embeds uint8[B, H, W, 3] as float32[B, D]: coarse pixels, projected.

    Two images that look alike from afar get similar embeddings, so that small crops are found
    again. It is picklable and needs neither torch nor a run.
    """

    max_batch: int | None = None

    def __init__(
        self,
        *,
        size: tuple[int, int] = (48, 48),
        embed_dim: int = 32,
        seed: int = 0,
        view: str = QUERY,
        resize_rule: str = RESIZE_RULE,
    ) -> None:
        rng = np.random.default_rng(seed)
        shape = (_SIDE * _SIDE * 3, embed_dim)
        self._projection = rng.normal(size=shape).astype(np.float32)
        self.identity = EncoderIdentity(
            weights_sha256=f"{seed:064x}",
            view=view,
            size=size,
            embed_dim=embed_dim,
            resize_rule=resize_rule,
            precision="fp32",
            backend="pixels",
        )

    def embed(self, images: Pixels, /) -> Floats:
        """Return unit-length embeddings float32[B, D] of uint8[B, H, W, 3]."""
        check_images(images, self.identity)
        if not len(images):
            return np.empty((0, self.identity.embed_dim), np.float32)
        coarse = [cv2.resize(i, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for i in images]
        pixels = np.stack(coarse).reshape(len(images), -1).astype(np.float32)
        centred = pixels - pixels.mean(axis=1, keepdims=True)
        # Row by row, so that an embedding does not depend on the batch it came in.
        raw = np.stack([row @ self._projection for row in centred]) + np.float32(1e-6)
        embeddings: Floats = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return embeddings

    def close(self) -> None:
        """Do nothing."""
