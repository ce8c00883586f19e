"""Copying and computing at once on a CUDA device gives what one batch after the other gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from georet.feeding.overlap import Overlap

HAS_CUDA = torch.cuda.is_available()
SIZES = (8, 8, 8, 8, 8, 3, 8, 20, 1, 8)


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, padding=1),
        torch.nn.GELU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
    )


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_CUDA, reason="no CUDA device")
@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("is_pinned", [False, True])
def test_a_stream_gives_the_same_bits_as_single_batches(graphs: bool, is_pinned: bool) -> None:
    device = torch.device("cuda:0")
    net = network().to(device).eval()

    def embed(images: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            found: torch.Tensor = net(images.permute(0, 3, 1, 2).float() / 255)
            return found

    overlap = Overlap(embed, device, 16, most=8, graphs=graphs)
    memory = np.random.default_rng(0).integers(0, 256, (len(SIZES), 20, 32, 32, 3), np.uint8)
    if is_pinned:
        overlap.pin(memory)
    batches = [memory[i, :num] for i, num in enumerate(SIZES)]
    for _ in range(2):
        streamed = list(overlap.run(iter(batches)))
        for images, found in zip(batches, streamed, strict=True):
            parts = [
                embed(torch.from_numpy(images[start : start + 8]).to(device)).cpu().numpy()
                for start in range(0, len(images), 8)
            ]
            assert np.array_equal(np.concatenate(parts), found)
    assert overlap.busy_s > 0
    assert (overlap.num_staged == 0) == is_pinned
    assert overlap.graphed == ("on" if graphs else "off")
    overlap.unpin()
