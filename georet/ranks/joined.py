"""Ranks that talk to each other, by torch.distributed.

Gradients are added up explicitly, once for each update, and not by DistributedDataParallel.
Cached gradients (``train.chunk``) run a branch backward many times a step, each view runs it once
more, batches accumulate, and a bad one is dropped before anything was sent; some ranks may have no
image of a view at all. DDP's hooks add up whatever a backward pass leaves behind, would have to be
told each time which pass is the last, and wait for ever for a parameter that one rank didn't use.
What is given up is that DDP sends the first gradients while the last are still computed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

from georet.errors import TrainingError
from georet.ranks.beats import Pulse, verdict_in
from georet.ranks.world import Ranks, fingerprint

Value = TypeVar("Value")
BUCKET: Final = 32 * 2**20
"""Bytes of gradients that are sent at once."""
_POLL_S: Final = 0.05


class Lost(BaseException):
    """A rank that was waited for is gone, or all end; who joined makes the error that names it.

    No ``Exception``: it may be raised within a component, whose fault it is not.
    """


class Joined(Ranks):
    """One of several ranks. ``pulse`` tells the others where it is, and finds who has failed.

    Tensors on a GPU travel by the default group, all else by ``host``, a group of gloo. Everything
    that waits for other ranks raises ``Lost`` where one of them is gone.
    """

    def __init__(
        self,
        rank: int,
        size: int,
        *,
        store: Any,
        node: str = "0",
        local_rank: int = 0,
        local_size: int = 1,
        backend: str = "gloo",
        patience_s: float,
    ) -> None:
        self.rank, self.size, self.local_size = rank, size, local_size
        self._node, self._local_rank = node, local_rank
        self._store, self._patience_s = store, patience_s
        self._number = 0
        self.pulse: Pulse | None = None
        self.host: Any = None  # None: the default group
        self.backend = backend

    def connect(self) -> None:
        """Join the groups; everything but ``once`` and ``in_turn`` needs them."""
        timeout = timedelta(seconds=self._patience_s)
        with self._waiting(self._patience_s):
            store = dist.distributed_c10d.PrefixStore("groups", self._store)
            dist.init_process_group(
                self.backend, store=store, rank=self.rank, world_size=self.size, timeout=timeout
            )
            if self.backend != "gloo":
                self.host = dist.new_group(backend="gloo", timeout=timeout)

    def at(self, place: str) -> None:
        """Say what is being done, for whoever has to tell where a rank failed."""
        if self.pulse is not None:
            self.pulse.at(place)

    def once(self, work: Callable[[], Value]) -> Value:
        """Return what ``work`` returned on the first rank, which alone does it: a JSON value."""
        self._number += 1
        key = f"once/{self._number}"
        if self.is_first:
            value = work()
            self._store.set(key, json.dumps(value))
            return value
        self._await(key)
        found: Value = json.loads(self._store.get(key))
        return found

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Enter on one rank of each machine first, and on the machine's others behind it."""
        self._number += 1
        key = f"turn/{self._number}/{self._node}"
        if self._local_rank == 0:
            yield
            self._store.set(key, "done")
            return
        self._await(key)
        yield

    def exchange(self, value: Value, *, is_even: bool = True) -> list[Value]:
        """Return every rank's value, by rank; ``is_even`` as for ``by_share``."""
        found: list[Any] = [None] * self.size
        with self._waiting(0.0 if is_even else self._patience_s):
            dist.all_gather_object(found, value, group=self.host)
        return found

    def gather(self, own: Tensor, num: int) -> Tensor:
        """Return float[num, ...] of all ranks' shares in order, with their gradient."""
        found: Tensor = _Gathered.apply(own, self, num)
        return found

    def gather_plain(self, own: Tensor, num: int) -> Tensor:
        """Return [num, ...] of all ranks' shares, of any type and without a gradient."""
        parts = [self.slots(num, rank) for rank in range(self.size)]
        most = max(part.stop - part.start for part in parts)
        # Ranks send the same number of rows; the last one of a short share means nothing.
        sent = own.new_zeros((most, *own.shape[1:]))
        sent[: len(own)] = own.detach()
        found = [torch.empty_like(sent) for _ in parts]
        with self._waiting():
            dist.all_gather(found, sent)
        return torch.cat(
            [some[: part.stop - part.start] for some, part in zip(found, parts, strict=True)]
        )

    def total(self, own: Tensor) -> Tensor:
        """Return the sum of all ranks' tensors, without a gradient."""
        summed = own.detach().clone().contiguous()
        with self._waiting():
            dist.all_reduce(summed)
        return summed

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Put the sum of all ranks' gradients into each rank's.

        A parameter that no rank used keeps none, as in one process: an optimiser passes it over.
        """
        listed = list(parameters)
        used = torch.tensor([parameter.grad is not None for parameter in listed], dtype=torch.uint8)
        with self._waiting():
            dist.all_reduce(used, op=dist.ReduceOp.MAX, group=self.host)
        gradients = []
        for parameter, is_used in zip(listed, used.tolist(), strict=True):
            if is_used:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                gradients.append(parameter.grad)
        for bucket in _buckets(gradients):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            with self._waiting():
                dist.all_reduce(flat)
            sizes = [gradient.numel() for gradient in bucket]
            for gradient, summed in zip(bucket, torch.split(flat, sizes), strict=True):
                gradient.copy_(summed.view_as(gradient))

    def from_first(self, array: NDArray[Any] | None) -> NDArray[Any]:
        """Return the first rank's array on all."""
        told = None if array is None else (array.dtype.str, array.shape)
        kind, shape = next(one for one in self.exchange(told if self.is_first else None) if one)
        held = np.empty(shape, kind) if array is None or not self.is_first else array.copy()
        with self._waiting():
            dist.broadcast(torch.from_numpy(held), src=0, group=self.host)
        return held

    def rows_to_first(self, num: int, work: Callable[[slice], NDArray[Any]]) -> NDArray[Any] | None:
        """Return [num, ...]: what ``work`` made of each rank's rows; None behind the first rank."""
        parts = [self.slots(num, rank) for rank in range(self.size)]
        own = np.ascontiguousarray(work(parts[self.rank]))
        sent = torch.zeros(
            (max(part.stop - part.start for part in parts), *own.shape[1:]),
            dtype=torch.from_numpy(own).dtype,
        )
        sent[: len(own)] = torch.from_numpy(own)
        held = [torch.empty_like(sent) for _ in parts] if self.is_first else None
        with self._waiting():
            dist.gather(sent, held, dst=0, group=self.host)
        if held is None:
            return None
        rows = [some[: part.stop - part.start] for some, part in zip(held, parts, strict=True)]
        found: NDArray[Any] = torch.cat(rows).numpy()
        return found

    def complete(self, array: NDArray[Any], parts: Sequence[slice]) -> None:
        """Fill in place the rows that other ranks have; ``parts`` are the rows of each."""
        whole = torch.from_numpy(array)
        with self._waiting():
            for rank, rows in enumerate(parts):
                if rows.stop > rows.start:
                    dist.broadcast(whole[rows], src=rank, group=self.host)

    def same_tensors(self, tensors: Iterable[Tensor]) -> None:
        """Put the first rank's values into the tensors of all."""
        with self._waiting():
            for tensor in tensors:
                sent = tensor.detach().contiguous()
                dist.broadcast(sent, src=0)
                if sent.data_ptr() != tensor.data_ptr():
                    tensor.detach().copy_(sent)

    def check_same(self, module: nn.Module, what: str) -> None:
        """Raise TrainingError that names the rank whose tensors are not the first rank's."""
        found = self.exchange(fingerprint(module))
        for rank, own in enumerate(found):
            if own != found[0]:
                names = list(module.state_dict())
                name = next(n for n, a, b in zip(names, own, found[0], strict=True) if a != b)
                raise TrainingError(
                    f"{what} of rank {rank} are not those of rank 0 any more, from {name!r} on",
                    hint="Ranks must compute alike: one kind of device and one version of torch. A "
                    "component that draws numbers of its own would part them as well.",
                )

    def in_words(self) -> str:
        """Return how many there are, and what carries their sums."""
        return f"{self.size} ranks by {self.backend}"

    def fail(self, text: str) -> None:
        """Tell those that wait in ``once`` that this rank ends."""
        self._store.set("failed", text)

    @property
    def failure(self) -> str | None:
        """What a rank said that failed before there were signs of life."""
        if not self._store.check(["failed"]):
            return None
        found = self._store.get("failed")
        return found.decode() if isinstance(found, bytes) else str(found)

    def _await(self, key: str) -> None:
        since = time.monotonic()
        with self._waiting(self._patience_s):
            while not self._store.check([key]):
                if self.failure is not None or self._is_over:
                    raise Lost
                if time.monotonic() - since > self._patience_s:
                    raise TrainingError(
                        f"rank 0 took longer than {self._patience_s:g} s",
                        hint="--set train.ranks.patience_s=3600 lets the others wait longer.",
                    )
                time.sleep(_POLL_S)

    @property
    def _is_over(self) -> bool:
        return self.pulse is not None and verdict_in(self.pulse.folder) is not None

    @contextmanager
    def _waiting(self, limit_s: float = 0.0) -> Iterator[None]:
        try:
            if self.pulse is None:
                yield
                return
            with self.pulse.waiting(limit_s):
                yield
        except RuntimeError as error:
            # What torch raises where a partner has closed its connection, or took too long.
            raise Lost from error


class _Gathered(torch.autograd.Function):
    """Rows of all ranks; the gradient is summed over ranks, and each takes its own rows of it."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, ranks: Joined, num: int) -> Tensor:
        ctx.ranks, ctx.num = ranks, num
        return ranks.gather_plain(own, num)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        summed = ctx.ranks.total(gradients[0])
        return summed[ctx.ranks.slots(ctx.num)], None, None


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Yield tensors of one type in lists of about ``BUCKET`` bytes, the same on all ranks."""
    for kind in dict.fromkeys(tensor.dtype for tensor in tensors):
        bucket: list[Tensor] = []
        for tensor in (one for one in tensors if one.dtype == kind):
            bucket.append(tensor)
            if sum(one.nbytes for one in bucket) >= BUCKET:
                yield bucket
                bucket = []
        if bucket:
            yield bucket
