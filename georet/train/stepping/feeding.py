"""Batches on their way to the device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch

from georet.types import Batch


def on_device(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """Yield the batches with their images on the device, each copied while another computes.

    On CUDA the copies run on a stream of their own, one batch ahead of the one that is yielded;
    images in pinned memory don't stop the host. Elsewhere the batches are yielded as they are.
    """
    if device.type != "cuda":
        yield from batches
        return
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    ahead: tuple[Batch, torch.cuda.Event] | None = None
    for batch in batches:
        with torch.cuda.stream(stream):
            images = {v: x.to(device, non_blocking=True) for v, x in batch.images.items()}
            copied = stream.record_event()
        if ahead is not None:
            yield _arrived(*ahead)
        ahead = replace(batch, images=images), copied
    if ahead is not None:
        yield _arrived(*ahead)


def _arrived(batch: Batch, copied: torch.cuda.Event) -> Batch:
    for images in batch.images.values():
        stream = torch.cuda.current_stream(images.device)
        stream.wait_event(copied)
        # Their memory belongs to the copying stream: it must not be given away while this one reads
        images.record_stream(stream)
    return batch
