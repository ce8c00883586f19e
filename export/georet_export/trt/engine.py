"""Executing an engine plan on a CUDA device; torch holds the memory.

Calls and their order follow NVIDIA's documentation of ``IExecutionContext``, TensorRT 10 to 11.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch

from georet.errors import DataError
from georet.identity import EncoderIdentity
from georet_export.artefact.writing import INPUT, OUTPUT
from georet_export.trt.log import Log, collecting_logger

if TYPE_CHECKING:
    from georet.feeding.overlap import Overlap
    from georet.types import Floats, Pixels


class Engine:
    """A plan on the device, ready to map images to embeddings.

    Loading a plan is running a program: it must come from an artefact that verified, or have been
    compiled a moment ago. ``trt`` is the module that compiled it. ``device`` is where torch keeps
    images and embeddings. DataError where TensorRT can't load it, or loads something else.
    """

    def __init__(
        self, trt: ModuleType, plan: bytes, identity: EncoderIdentity, *, device: str = "cuda"
    ) -> None:
        self.identity = identity
        self._log = Log()
        self.device = torch.device(device)
        self.stream: torch.cuda.Stream | None = None
        if self.device.type == "cuda":
            # On the default stream TensorRT synchronises the whole device.
            if self.device.index is not None:
                torch.cuda.set_device(self.device)  # where TensorRT loads what it is given
            self.stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        # TensorRT counts no references: what an object was made from must outlive it.
        self._logger = collecting_logger(trt, self._log)
        self._runtime = trt.Runtime(self._logger)
        self._engine = engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise self._failure("the engine can't be loaded")
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        found = {name: _tensor(engine, name) for name in names}
        wanted = {INPUT: ("UINT8", *identity.size, 3), OUTPUT: ("FLOAT", identity.embed_dim)}
        if found != wanted:
            raise DataError(
                f"the engine's tensors are {found}, those of its encoder {wanted}",
                where=identity.backend,
                hint="The plan is not the encoder that its manifest describes: export it again.",
            )
        self._context = engine.create_execution_context()
        if self._context is None:
            raise self._failure("there is no room on the GPU for the engine")

    def execute(self, images: Pixels) -> Floats:
        """Return embeddings float32[B, D] of uint8[B, H, W, 3], B within the engine's profile."""
        with torch.cuda.stream(self.stream):
            on_device = torch.from_numpy(images).to(self.device)
            # Copying back waits until the stream has got there.
            embeddings: Floats = self.enqueue(on_device).cpu().numpy()
        return embeddings

    def enqueue(self, images: torch.Tensor) -> torch.Tensor:
        """Return float32[B, D] of uint8[B, H, W, 3] on the device: there when ``stream`` is done.

        Call it with ``stream`` as torch's current one, which keeps the memory in use.
        """
        num, context = len(images), self._context
        out = torch.empty((num, self.identity.embed_dim), dtype=torch.float32, device=self.device)
        is_queued = (
            context.set_input_shape(INPUT, tuple(images.shape))
            and context.set_tensor_address(INPUT, images.data_ptr())
            and context.set_tensor_address(OUTPUT, out.data_ptr())
            and context.execute_async_v3(self.stream.cuda_stream if self.stream else 0)
        )
        if not is_queued:
            raise self._failure(f"the engine failed on {num} images")
        return out

    def overlap(self, most: int) -> Overlap | None:
        """Return what copies and computes at once, ``most`` images in a call; None without CUDA."""
        if self.stream is None:
            return None
        from georet.feeding.overlap import Overlap

        dim = self.identity.embed_dim
        return Overlap(self.enqueue, self.device, dim, most=most, stream=self.stream)

    def _failure(self, what: str) -> DataError:
        reasons = "; ".join(self._log.faults()) or "TensorRT gave no reason"
        return DataError(f"{what}: {reasons}", where=self.identity.backend)


def _tensor(engine: Any, name: str) -> tuple[str | int, ...]:
    """Return type and sizes of a tensor, without the batch."""
    kind = str(engine.get_tensor_dtype(name)).rpartition(".")[2]
    return kind, *tuple(engine.get_tensor_shape(name))[1:]
