"""LoFTR and XFeat by kornia's networks, with weights from a file of the user's."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from georet.errors import DataError
from georet.extras import need
from georet.types import Pixels
from georet_matchers.refining import Matches, PairRefiner

_STRIDE: Final = {"loftr": 8, "xfeat": 32}
"""Sides of pictures are multiples of these."""


class Loftr(PairRefiner):
    """LoFTR (Sun et al., CVPR 2021): dense matches without keypoints; slow on a CPU.

    ``weights`` is a file of the published format (``.ckpt``, ``.pt``, ``.safetensors``); ``least``
    the least confidence of a match.
    """

    def __init__(
        self,
        weights: Path,
        least: float = 0.5,
        inliers: int = 15,
        top: int = 3,
        rotations: int = 4,
        px: int = 480,
    ) -> None:
        super().__init__(inliers=inliers, top=top, rotations=rotations, px=px)
        kornia = need("kornia.feature", extra="matchers", what="the refiner loftr")
        self.least = least
        self._net = kornia.LoFTR(pretrained=None).eval()
        load_weights(self._net, Path(weights), "LoFTR")

    def matches(self, one: Pixels, other: Pixels) -> Matches:
        """Return what two pictures uint8[H, W, 3] have in common."""
        import torch

        (first, first_scale), (second, second_scale) = (
            _grey(image, _STRIDE["loftr"]) for image in (one, other)
        )
        with torch.inference_mode():
            found = self._net({"image0": first, "image1": second})
        kept = found["confidence"].numpy() >= self.least
        ours, theirs = (found[name].numpy()[kept] for name in ("keypoints0", "keypoints1"))
        return (ours + 0.5) / first_scale, (theirs + 0.5) / second_scale


class Xfeat(PairRefiner):
    """XFeat (Potje et al., CVPR 2024): sparse features that a CPU finds quickly.

    ``weights`` is a file of the published format; ``least`` the least cosine of a match, ``most``
    the number of features.
    """

    def __init__(
        self,
        weights: Path,
        least: float = 0.82,
        most: int = 2048,
        inliers: int = 15,
        top: int = 5,
        rotations: int = 4,
        px: int = 640,
    ) -> None:
        super().__init__(inliers=inliers, top=top, rotations=rotations, px=px)
        kornia = need("kornia.feature", extra="matchers", what="the refiner xfeat")
        self.least = least
        self._net = kornia.XFeat(top_k=most).eval()
        load_weights(self._net.net, Path(weights), "XFeat")

    def matches(self, one: Pixels, other: Pixels) -> Matches:
        """Return what two pictures uint8[H, W, 3] have in common."""
        import torch

        (first, first_scale), (second, second_scale) = (_coloured(i) for i in (one, other))
        with torch.inference_mode():
            ours, theirs = self._net.match_xfeat(first, second, min_cossim=self.least)
        points = [found.numpy().astype(np.float64) + 0.5 for found in (ours, theirs)]
        return points[0] / first_scale, points[1] / second_scale


def load_weights(net: Any, path: Path, name: str) -> None:
    """Load a file's tensors into a network; no code in it is executed.

    DataError where it is no file of weights, or one of another network.
    """
    import torch

    if not path.is_file():
        raise DataError(
            "there is no such file",
            where=str(path),
            hint="georet matchers list says where weights come from.",
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
        found = found.get("state_dict", found)
        kept = {key.removeprefix("matcher."): value for key, value in found.items()}
        net.load_state_dict(kept)
    except (RuntimeError, AttributeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        first = str(error).splitlines()[0][:200]
        raise DataError(f"holds no weights of {name}: {first}", where=str(path)) from error
    except Exception as error:
        # safetensors raises a type of its own that it does not export everywhere.
        raise DataError(f"holds no weights of {name}: {error}", where=str(path)) from error


def _sized(image: Pixels, stride: int) -> tuple[Pixels, Any]:
    """Return a picture whose sides are multiples of ``stride``, and its scales [2]."""
    height, width = image.shape[:2]
    size = tuple(max(stride, round(side / stride) * stride) for side in (width, height))
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(scaled, np.uint8), np.array([size[0] / width, size[1] / height])


def _grey(image: Pixels, stride: int) -> tuple[Any, Any]:
    import torch

    small, scale = _sized(image, stride)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    return torch.from_numpy(grey)[None, None], scale


def _coloured(image: Pixels) -> tuple[Any, Any]:
    import torch

    small, scale = _sized(image, _STRIDE["xfeat"])
    values = small.astype(np.float32).transpose(2, 0, 1) / 255
    return torch.from_numpy(np.ascontiguousarray(values))[None], scale
