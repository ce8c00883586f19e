"""Ranks: the processes that train together, as the rest of georet sees them.

``Ranks`` itself is a process that trains alone: nothing is sent, and every method returns what it
was given. ``georet.ranks.joined`` has those that talk to each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Value = TypeVar("Value")


class Ranks:
    """A process that trains alone."""

    rank: int = 0
    size: int = 1
    local_size: int = 1
    """Ranks on this machine."""

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that writes, and that speaks for all."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether there is no other rank."""
        return self.size == 1

    def slots(self, num: int, rank: int | None = None) -> slice:
        """Return this rank's share of ``num`` things, in order; shares differ by at most one."""
        at = self.rank if rank is None else rank
        return slice(at * num // self.size, (at + 1) * num // self.size)

    def at(self, place: str) -> None:
        """Say what is being done, for whoever has to tell where a rank failed."""

    def once(self, work: Callable[[], Value]) -> Value:
        """Return what ``work`` returned on the first rank, which alone does it: a JSON value.

        The others wait, and not in a collective.
        """
        return work()

    def first_alone(self, context: AbstractContextManager[Any]) -> AbstractContextManager[Any]:
        """Return a context that the first rank alone enters."""
        return context if self.is_first else nullcontext()

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Enter on one rank of each machine first, and on the machine's others behind it."""
        yield

    def exchange(self, value: Value, *, is_even: bool = True) -> list[Value]:
        """Return every rank's value, by rank; ``is_even`` as for ``by_share``."""
        del is_even
        return [value]

    def by_share(
        self, num: int, work: Callable[[slice], Value], *, is_even: bool = True
    ) -> list[Value]:
        """Return what ``work`` made of each rank's share of ``num`` things, by rank.

        Empty shares are left out. ``is_even`` says that all shares take about equally long, so that
        a rank that is waited for much longer than that hangs.
        """
        own = self.slots(num)
        made = [work(own)] if own.stop > own.start else []
        return [one for some in self.exchange(made, is_even=is_even) for one in some]

    def rows_to_first(self, num: int, work: Callable[[slice], NDArray[Any]]) -> NDArray[Any] | None:
        """Return [num, ...]: what ``work`` made of each rank's rows; None behind the first rank.

        ``work`` returns [n, ...] for n rows, of the same type and width for any.
        """
        return work(slice(0, num))

    def any(self, flag: object) -> bool:
        """Say whether the flag is true on any rank."""
        return any(self.exchange(bool(flag)))

    def most(self, value: float) -> float:
        """Return the largest of all ranks' values."""
        return max(self.exchange(value))

    def gather(self, own: Tensor, num: int) -> Tensor:
        """Return float[num, ...] of all ranks' shares in order, with their gradient.

        The gradient of a share is the sum of those that all ranks have for it.
        """
        del num
        return own

    def gather_plain(self, own: Tensor, num: int) -> Tensor:
        """Return [num, ...] of all ranks' shares, of any type and without a gradient."""
        del num
        return own

    def total(self, own: Tensor) -> Tensor:
        """Return the sum of all ranks' tensors, without a gradient."""
        return own

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Put the sum of all ranks' gradients into each rank's."""

    def from_first(self, array: NDArray[Any] | None) -> NDArray[Any]:
        """Return the first rank's array on all."""
        assert array is not None
        return array

    def complete(self, array: NDArray[Any], parts: Sequence[slice]) -> None:
        """Fill in place the rows that other ranks have; ``parts`` are the rows of each."""

    def same_tensors(self, tensors: Iterable[Tensor]) -> None:
        """Put the first rank's values into the tensors of all."""

    def check_same(self, module: nn.Module, what: str) -> None:
        """Raise TrainingError that names the rank whose tensors are not the first rank's."""

    def in_words(self) -> str:
        """Return how many there are, and what carries their sums; empty for one alone."""
        return ""


ALONE: Final = Ranks()


def parts_of(ranks: Ranks, num: int, batch: int) -> tuple[list[slice], list[slice]]:
    """Return by rank its batches of ``num`` rows, and the rows that are in them.

    Whole batches go to a rank, so that each is computed as by one process, to the last digit.
    """
    batches = [ranks.slots(-(-num // batch), rank) for rank in range(ranks.size)]
    rows = [slice(min(num, b.start * batch), min(num, b.stop * batch)) for b in batches]
    return batches, rows


def fingerprint(module: nn.Module) -> list[int]:
    """Return one number for each of a module's tensors: the sum of its bits, as integers."""
    sums = []
    for tensor in module.state_dict().values():
        kind = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
        flat = tensor.detach().contiguous().flatten()
        sums.append(flat.view(kind[flat.element_size()]).sum(dtype=torch.int64))
    if not sums:
        return []
    found: list[int] = torch.stack(sums).cpu().numpy().astype(np.int64).tolist()
    return found
