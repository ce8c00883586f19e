"""The compiled inside of ``georet.train.stepping.convolutions``."""

from __future__ import annotations

from georet.sweep.exact import compiled
from georet.types import Floats


@compiled
def add_products(
    image: Floats, gradient: Floats, out: Floats, stride: tuple[int, int], padding: tuple[int, int]
) -> None:
    """Add to float32[K, L, C] at (k, l) the sums over p and q of the products of image

    float32[H, W, C] at (p stride + k - padding, q stride + l - padding) and gradient
    float32[P, Q, C] at (p, q).
    """
    height, width, _ = image.shape
    for row in range(gradient.shape[0]):
        for k in range(out.shape[0]):
            y = row * stride[0] + k - padding[0]
            if y < 0 or y >= height:
                continue
            for column in range(out.shape[1]):
                # Whole rows are known to be contiguous, so that the loop uses whole registers.
                total = out[k, column]
                for q in range(gradient.shape[1]):
                    x = q * stride[1] + column - padding[1]
                    # Not `0 <= x < width`: that way the loop below takes five times as long.
                    if x < 0 or x >= width:
                        continue
                    a, b = image[y, x], gradient[row, q]
                    for c in range(len(total)):
                        total[c] += a[c] * b[c]
