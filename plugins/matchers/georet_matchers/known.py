"""What is known of the matchers' weights: licences, and where their owners hand them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Weights:
    """A file of weights: the refiner it is for, its licences, and its owners' page.

    ``address`` is where the file itself lies; empty: the page says so.
    """

    name: str
    refiner: str
    licence: str
    page: str
    address: str = ""


KNOWN: Final = (
    Weights(
        "aliked-lightglue",
        "lightglue",
        "LightGlue Apache-2.0, ALIKED BSD-3-Clause",
        "https://github.com/fabio-sim/LightGlue-ONNX",
    ),
    Weights(
        "disk-lightglue",
        "lightglue",
        "LightGlue Apache-2.0, DISK Apache-2.0",
        "https://github.com/fabio-sim/LightGlue-ONNX",
    ),
    Weights(
        "loftr-outdoor",
        "loftr",
        "Apache-2.0",
        "https://github.com/zju3dv/LoFTR",
        "https://huggingface.co/kornia/loftr/resolve/main/loftr_outdoor.ckpt",
    ),
    Weights(
        "xfeat",
        "xfeat",
        "Apache-2.0",
        "https://github.com/verlab/accelerated_features",
        "https://github.com/verlab/accelerated_features/raw/main/weights/xfeat.pt",
    ),
)
"""As their owners say, in 2026. LightGlue with SuperPoint is left out: non-commercial."""
