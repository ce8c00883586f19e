"""Transforms that spoil an image as cameras, codecs and obstacles do."""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

from georet.data.transforms.checks import check_between, check_range
from georet.errors import ConfigError
from georet.types import Floats, Pixels


class JpegArtefacts:
    """Encodes and decodes as JPEG with probability ``p``, quality drawn from a closed range.

    Standing first in a view's list it works on the image as decoded, before the resize, as
    Sample4Geo does; with ``data.fast`` after it, where it costs less and leaves larger blocks.
    """

    joint: bool = False
    before_resize: bool = True

    def __init__(self, *, quality: tuple[int, int] = (90, 100), p: float = 0.5) -> None:
        least, greatest = check_range(self, "quality", quality, 1, 100)
        self.quality = int(least), int(greatest)
        self.p = check_between(self, "p", p, 0, 1)

    def __call__(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Return uint8[H, W, 3]."""
        if rng.random() >= self.p:
            return image
        quality = int(rng.integers(self.quality[0], self.quality[1] + 1))
        encoded = simplejpeg.encode_jpeg(
            np.ascontiguousarray(image), quality=quality, colorsubsampling="420"
        )
        decoded: Pixels = simplejpeg.decode_jpeg(encoded)
        return decoded


class BlurOrSharpen:
    """Blurs or sharpens, each as likely, with probability ``p``.

    The blur's kernel is a generalised Gaussian (Pascal et al., IEEE TSP 2013, eq. 1) of random odd
    side in ``kernel``, two standard deviations in ``sigma`` (pixels), random direction, exponent
    in ``exponent`` (below and above 1 equally often) and weights disturbed by +-``noise``.
    Sharpening adds ``strength`` of the image filtered by a Laplacian of centre 8 + ``lightness``.
    """

    joint: bool = False

    def __init__(
        self,
        *,
        kernel: tuple[int, int] = (3, 7),
        sigma: tuple[float, float] = (0.2, 1.0),
        exponent: tuple[float, float] = (0.5, 8.0),
        noise: float = 0.1,
        strength: tuple[float, float] = (0.2, 0.5),
        lightness: tuple[float, float] = (0.5, 1.0),
        p: float = 0.3,
    ) -> None:
        least, greatest = check_range(self, "kernel", kernel, 3, 31)
        if not least % 2 or not greatest % 2:
            raise ConfigError(f"{list(kernel)!r} must be odd", where="BlurOrSharpen.kernel")
        self.kernel = int(least), int(greatest)
        self.sigma = check_range(self, "sigma", sigma, 0.1, 100)
        self.exponent = check_range(self, "exponent", exponent, 0.1, 100)
        self.noise = check_between(self, "noise", noise, 0, 1)
        self.strength = check_range(self, "strength", strength, 0, 1)
        self.lightness = check_range(self, "lightness", lightness, 0, 10)
        self.p = check_between(self, "p", p, 0, 1)

    def __call__(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Return uint8[H, W, 3]."""
        if rng.random() >= self.p:
            return image
        kernel = self._blur_kernel(rng) if rng.random() < 0.5 else self._sharpening_kernel(rng)
        return np.asarray(cv2.filter2D(image, -1, kernel), dtype=np.uint8)

    def _blur_kernel(self, rng: np.random.Generator) -> Floats:
        side = 2 * int(rng.integers(self.kernel[0] // 2, self.kernel[1] // 2 + 1)) + 1
        angle = rng.uniform(-np.pi / 2, np.pi / 2)
        variance = rng.uniform(*self.sigma, 2) ** 2
        low, high = self.exponent
        middle = min(max(1.0, low), high)
        exponent = rng.uniform(low, middle) if rng.random() < 0.5 else rng.uniform(middle, high)
        y, x = np.mgrid[:side, :side] - side // 2
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        distance = along**2 / variance[0] + across**2 / variance[1]
        weights = np.exp(-0.5 * distance**exponent)
        weights *= rng.uniform(1 - self.noise, 1 + self.noise, (side, side))
        return np.asarray(weights / weights.sum(), dtype=np.float32)

    def _sharpening_kernel(self, rng: np.random.Generator) -> Floats:
        strength, lightness = rng.uniform(*self.strength), rng.uniform(*self.lightness)
        kernel = np.full((3, 3), -strength, dtype=np.float32)
        kernel[1, 1] = 1 - strength + strength * (8 + lightness)
        return kernel


class Dropout:
    """Blacks out parts of the image with probability ``p``: a grid or scattered holes.

    The grid has ten square cells a row, each with a square hole of ``grid_ratio`` of its side.
    Scattered holes: a number in ``holes``, sides in ``hole_size`` of the image's height.
    """

    joint: bool = False

    def __init__(
        self,
        *,
        p: float = 0.3,
        grid_ratio: float = 0.4,
        holes: tuple[int, int] = (10, 25),
        hole_size: tuple[float, float] = (0.1, 0.2),
    ) -> None:
        self.p = check_between(self, "p", p, 0, 1)
        self.grid_ratio = check_between(self, "grid_ratio", grid_ratio, 0, 1)
        least, greatest = check_range(self, "holes", holes, 0, 1000)
        self.holes = int(least), int(greatest)
        self.hole_size = check_range(self, "hole_size", hole_size, 0, 1)

    def __call__(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Return uint8[H, W, 3]."""
        if rng.random() >= self.p:
            return image
        image = image.copy()
        if rng.random() < 0.5:
            self._cut_grid(image)
        else:
            self._cut_holes(image, rng)
        return image

    def _cut_grid(self, image: Pixels) -> None:
        height, width = image.shape[:2]
        cell = max(width // 10, 2)
        hole = min(max(int(cell * self.grid_ratio), 1), cell - 1)
        for top in range(0, height, cell):
            for left in range(0, width, cell):
                image[top : top + hole, left : left + hole] = 0

    def _cut_holes(self, image: Pixels, rng: np.random.Generator) -> None:
        height, width = image.shape[:2]
        sides = [int(share * height) for share in self.hole_size]
        num = int(rng.integers(self.holes[0], self.holes[1] + 1))
        size = np.minimum(rng.integers(sides[0], sides[1] + 1, (num, 2)), (height, width))
        start = rng.integers(0, [height + 1, width + 1] - size)
        for (top, left), (tall, wide) in zip(start.tolist(), size.tolist(), strict=True):
            image[top : top + tall, left : left + wide] = 0
