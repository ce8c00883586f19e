"""What the tests of exports have in common, for exports of heads."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from georet.encoder import Encoder, weights_sha256
from georet.export_spec import ExportSpec
from georet.identity import EncoderIdentity
from georet.types import Pixels


class Tools:
    """Images, what is asked of an exporter, and what torch answers."""

    @staticmethod
    def images(num: int, size: tuple[int, int]) -> Pixels:
        return np.random.default_rng(num).integers(0, 256, (num, *size, 3), dtype=np.uint8)

    @staticmethod
    def spec(encoder: Encoder, size: tuple[int, int]) -> ExportSpec:
        identity = EncoderIdentity(
            weights_sha256=weights_sha256(encoder),
            view="query",
            size=size,
            embed_dim=encoder.embed_dim,
            resize_rule="bilinear-exact",
            precision="fp32",
            backend="",
        )
        return ExportSpec({"query": identity}, calibration=lambda num: Tools.images(num, size))

    @staticmethod
    def torch(encoder: Encoder, images: Pixels) -> np.ndarray:
        with torch.inference_mode():
            return encoder.embed("query", torch.from_numpy(images)).numpy()


@pytest.fixture
def tools() -> type[Tools]:
    return Tools
