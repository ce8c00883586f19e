"""Copying and computing at the same time on a CUDA device, batch after batch.

One stream copies the next batch to the device while another one computes; nobody waits for a
batch before ``held`` - 1 later ones are under way. The order of work on the computing stream is
that of the batches, so results don't depend on how copies are timed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from georet.types import Floats, Pixels

HELD: Final = 3
"""Batches under way: one is copied, one computed, one's embeddings are taken away."""
_PORTABLE: Final = 1
"""cudaHostRegisterPortable: for all devices."""
_WARM: Final = 2
"""Batches of the full size that are computed before their work is recorded as a graph."""


@dataclass
class _Lane:
    """Buffers and events of one of the batches under way."""

    on_device: Tensor
    staged: Tensor
    embeddings: Tensor
    copied: Any
    began: Any
    done: Any
    num: int = 0


class Overlap:
    """Embeds a stream of batches by ``embed``: uint8[B, H, W, 3] -> float32[B, D], on the device.

    ``most`` images are passed to ``embed`` at once. With ``graphs`` the work on batches of one
    size is recorded as a CUDA graph, if that gives the same bits. ``busy_s`` is for how long the
    device computed, by its own clock.
    """

    held = HELD

    def __init__(
        self,
        embed: Callable[[Tensor], Tensor],
        device: torch.device,
        embed_dim: int,
        *,
        most: int,
        graphs: bool = False,
        stream: Any = None,
    ) -> None:
        self.busy_s, self.num_staged, self.graphed = 0.0, 0, "off"
        self._embed, self._device, self._embed_dim, self._most = embed, device, embed_dim, most
        self._copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._computing = torch.cuda.Stream(device) if stream is None else stream  # type: ignore[no-untyped-call]
        self._lanes: list[_Lane] = []
        self._graph = _Graph(embed) if graphs else None
        self._pinned: list[Pixels] = []

    def pin(self, memory: Pixels) -> None:
        """Lock an array in memory, so that the device copies from it by itself; or leave it."""
        with torch.cuda.device(self._device):
            torch.cuda.current_stream().synchronize()  # makes the context
            if torch.from_numpy(memory).is_pinned():
                return
            if int(_runtime().cudaHostRegister(memory.ctypes.data, memory.nbytes, _PORTABLE)) == 0:
                self._pinned.append(memory)
                return
            # The runtime keeps the error for whoever launches next: let it be told here.
            with suppress(RuntimeError):
                torch.zeros(1, device=self._device).add_(1)

    def unpin(self) -> None:
        """Unlock the arrays."""
        torch.cuda.synchronize(self._device)
        for memory in self._pinned:
            _runtime().cudaHostUnregister(memory.ctypes.data)
        self._pinned.clear()

    def run(self, batches: Iterable[Pixels]) -> Iterator[Floats]:
        """Yield embeddings float32[B, D] of each batch uint8[B, H, W, 3], in order."""
        under_way: deque[_Lane] = deque()
        # The weights may still be on their way there.
        self._computing.wait_stream(torch.cuda.current_stream(self._device))
        for number, images in enumerate(batches):
            under_way.append(self._launched(images, number % HELD))
            if len(under_way) == HELD:
                yield self._landed(under_way.popleft())
        while under_way:
            yield self._landed(under_way.popleft())

    def _launched(self, images: Pixels, number: int) -> _Lane:
        """Queue copies and work on a batch; the lane's last batch has landed."""
        lane, num = self._lane(number, images), len(images)
        host = torch.from_numpy(images)
        if not host.is_pinned():
            lane.staged[:num].copy_(host)
            host, self.num_staged = lane.staged[:num], self.num_staged + 1
        with torch.cuda.stream(self._copying):
            lane.on_device[:num].copy_(host, non_blocking=True)
            lane.copied.record()
        with torch.cuda.stream(self._computing):
            self._computing.wait_event(lane.copied)
            lane.began.record()
            for start in range(0, num, self._most):
                end = min(start + self._most, num)
                found = self._embedded(lane.on_device[start:end])
                lane.embeddings[start:end].copy_(found, non_blocking=True)
            lane.done.record()
        lane.num = num
        return lane

    def _embedded(self, images: Tensor) -> Tensor:
        if self._graph is None or len(images) != self._most:
            return self._embed(images)
        found = self._graph(images)
        self.graphed = self._graph.state
        return found

    def _landed(self, lane: _Lane) -> Floats:
        lane.done.synchronize()
        self.busy_s += lane.began.elapsed_time(lane.done) / 1000
        embeddings: Floats = lane.embeddings[: lane.num].numpy().copy()
        return embeddings

    def _lane(self, number: int, images: Pixels) -> _Lane:
        if number < len(self._lanes) and len(images) <= len(self._lanes[number].on_device):
            return self._lanes[number]
        capacity = max(self._most, len(images))
        shape = (capacity, *images.shape[1:])
        lane = _Lane(
            torch.empty(shape, dtype=torch.uint8, device=self._device),
            torch.empty(shape, dtype=torch.uint8, pin_memory=True),
            torch.empty((capacity, self._embed_dim), dtype=torch.float32, pin_memory=True),
            torch.cuda.Event(),  # type: ignore[no-untyped-call]
            torch.cuda.Event(enable_timing=True),  # type: ignore[no-untyped-call]
            torch.cuda.Event(enable_timing=True),  # type: ignore[no-untyped-call]
        )
        self._lanes[number : number + 1] = [lane]
        return lane


class _Graph:
    """The work on a batch of fixed size, recorded once and then started as a whole."""

    def __init__(self, embed: Callable[[Tensor], Tensor]) -> None:
        self.state, self.capture_s = "warming up", 0.0
        self._embed, self._num_warm = embed, 0
        self._graph: Any = None
        self._images: Tensor
        self._found: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        if self._graph is not None:
            self._images.copy_(images)
            self._graph.replay()
            return self._found
        eager = self._embed(images)
        self._num_warm += 1
        if self.state == "warming up" and self._num_warm > _WARM:
            began_s = time.monotonic()
            self._record(images, eager)
            self.capture_s = time.monotonic() - began_s
        return eager

    def _record(self, images: Tensor, eager: Tensor) -> None:
        """Record the work, and keep the record if it gives the same bits."""
        try:
            self._images = images.clone()
            graph = torch.cuda.CUDAGraph()
            stream = torch.cuda.current_stream()
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                self._found = self._embed(self._images)
            graph.replay()
            if not torch.equal(self._found, eager):
                self.state = "not used: other bits"
                return
        except RuntimeError as error:
            self.state = f"not used: {str(error).splitlines()[0]}"
            return
        self._graph, self.state = graph, "on"


def _runtime() -> Any:
    return torch.cuda.cudart()  # type: ignore[no-untyped-call]
