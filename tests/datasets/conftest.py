"""Small images, each unlike the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

SaveImage = Callable[..., Path]


@pytest.fixture
def save_image() -> SaveImage:
    """Return a function that writes a JPEG whose pixels depend on its path's last three parts."""

    def save(path: Path, size: tuple[int, int] = (16, 16)) -> Path:
        seed = list("/".join(path.parts[-3:]).encode())
        pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels)))
        return path

    return save
