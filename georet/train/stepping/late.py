"""Numbers that leave the device while it goes on computing."""

from __future__ import annotations

import torch
from torch import Tensor


class Late:
    """A tensor on its way to the host, copied as it is now; later changes don't reach it.

    Reading waits until the copy has arrived, and for nothing that was queued after it. Without a
    CUDA device there is nothing to wait for.
    """

    def __init__(self, tensor: Tensor) -> None:
        tensor = tensor.detach()
        self._arrived: torch.cuda.Event | None = None
        if tensor.device.type != "cuda":
            self._host = tensor.clone()
            return
        self._host = torch.empty_like(tensor, device="cpu", pin_memory=True)
        self._host.copy_(tensor, non_blocking=True)
        self._arrived = torch.cuda.current_stream(tensor.device).record_event()

    def read(self) -> Tensor:
        """Return the copy, on the host."""
        if self._arrived is not None:
            self._arrived.synchronize()
            self._arrived = None
        return self._host
