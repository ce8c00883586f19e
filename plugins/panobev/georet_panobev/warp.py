"""Panoramas as seen from above, and tiles as seen all round: one geometry for both."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

Tensor = torch.Tensor


def panorama_of_ground(side_px: int, side_m: float, height_m: float) -> tuple[Tensor, Tensor]:
    """Return where each pixel of a bird's-eye view lies in a panorama: shares of its size [S, S].

    Pixel (i, j) shows the ground x = (j + 1/2 - S/2) m to the east and y = (S/2 - i - 1/2) m to the
    north of the camera, m metres a pixel. With azimuth a = atan2(x, y) and distance r, a camera
    ``height_m`` above sees it in the column of the share 1/2 + a / 2 pi of the width, north in the
    middle, and in the row of the share 1 - atan(r / h) / pi of the height, 0 at the zenith
    (EP-BEV, section 3.2, in this project's convention that pixels have their middles at halves).
    """
    steps = (torch.arange(side_px, dtype=torch.float64) + 0.5 - side_px / 2) * side_m / side_px
    east, north = steps[None, :].expand(side_px, -1), -steps[:, None].expand(-1, side_px)
    azimuth = torch.atan2(east, north)
    down = torch.atan2(torch.hypot(east, north), torch.tensor(height_m, dtype=torch.float64))
    return 0.5 + azimuth / (2 * math.pi), 1 - down / math.pi


class BirdsEye(nn.Module):
    """Normalised panoramas float[B, 3, H, W] -> float[B, 3, S, S] of ``side_m`` metres, north up.

    ``size`` is (H, W): 360 by 180 degrees, level, north in the middle column. Bilinear; the seam at
    the panorama's sides is closed. The table of positions is made once, so the view is one
    ``grid_sample`` in every export.
    """

    grid: Tensor

    def __init__(self, size: tuple[int, int], side_px: int, side_m: float, height_m: float) -> None:
        super().__init__()
        self.size = size
        column, row = panorama_of_ground(side_px, side_m, height_m)
        # One column more at each side; grid_sample counts from -1 to 1 between the outer edges.
        width = size[1]
        x = 2 * (column * width + 1) / (width + 2) - 1
        grid = torch.stack([x, 2 * row - 1], dim=-1).float()
        self.register_buffer("grid", grid[None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the bird's-eye views."""
        wide = torch.cat([images[..., -1:], images, images[..., :1]], dim=3)
        grid = self.grid.to(wide.dtype).expand(images.shape[0], -1, -1, -1)
        return F.grid_sample(
            wide, grid, mode="bilinear", padding_mode="border", align_corners=False
        )


def tile_around(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return where each pixel of a polar view lies in a square tile: shares of its side [H, W].

    Column j shows the azimuth a = 2 pi ((j + 1/2) / W - 1/2), clockwise from north, which is in the
    middle; row i the distance (1 - (i + 1/2) / H) / 2 from the tile's middle, in sides: the bottom
    is the middle. The shares are those to the right and downward from the upper left corner.
    """
    azimuth = 2 * math.pi * ((torch.arange(width, dtype=torch.float64) + 0.5) / width - 0.5)
    distance = (1 - (torch.arange(height, dtype=torch.float64) + 0.5) / height) / 2
    right = 0.5 + distance[:, None] * azimuth.sin()[None, :]
    return right, 0.5 - distance[:, None] * azimuth.cos()[None, :]


class Polar(nn.Module):
    """Normalised tiles float[B, 3, S, S] -> float[B, 3, H, W], ``size`` (H, W): see `tile_around`.

    Bilinear, one ``grid_sample`` with a fixed table in every export.
    """

    grid: Tensor

    def __init__(self, side_px: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.side_px = side_px
        right, down = tile_around(*size)
        grid = torch.stack([2 * right - 1, 2 * down - 1], dim=-1).float()
        self.register_buffer("grid", grid[None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the polar views."""
        grid = self.grid.to(images.dtype).expand(images.shape[0], -1, -1, -1)
        return F.grid_sample(
            images, grid, mode="bilinear", padding_mode="border", align_corners=False
        )
