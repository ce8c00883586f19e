"""What may be spent: requests, tokens and money, counted before and after each request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from georet.errors import DataError
from georet_vici.chat import Said

_LETTERS_A_TOKEN: Final = 4
TOKENS_A_PICTURE: Final = 85
"""The least that hosts are known to count for a picture; a host that says less isn't believed."""


@dataclass
class Purse:
    """Counts what was spent, and refuses what would go beyond.

    ``max_requests`` and ``max_total_tokens`` bound one process; ``max_cost`` in whatever currency
    ``price_in`` and ``price_out`` are, for a million tokens sent and received. An answer may take
    ``max_tokens``. The host's own counts are taken, but never less than ``estimated``.
    """

    max_requests: int
    max_total_tokens: int
    max_tokens: int
    max_cost: float | None = None
    price_in: float = 0.0
    price_out: float = 0.0
    num_requests: int = 0
    num_input: int = 0
    num_output: int = 0
    _worst_input: int = field(default=0, repr=False)

    @property
    def cost(self) -> float:
        """What was spent so far."""
        return self._cost_of(self.num_input, self.num_output)

    def check(self, num_letters: int, num_pictures: int) -> None:
        """Raise DataError where one more request could go beyond a limit."""
        least = max(estimated(num_letters, num_pictures), self._worst_input)
        num_tokens = self.num_input + self.num_output + least + self.max_tokens
        cost = self._cost_of(self.num_input + least, self.num_output + self.max_tokens)
        if self.num_requests >= self.max_requests:
            raise _spent(f"max_requests={self.max_requests}")
        if num_tokens > self.max_total_tokens:
            raise _spent(f"max_total_tokens={self.max_total_tokens}")
        if self.max_cost is not None and cost > self.max_cost:
            raise _spent(f"max_cost={self.max_cost:g}")

    def asked(self, num_letters: int, num_pictures: int) -> None:
        """Count a request, with the least that it can have cost until its answer says more."""
        self.num_requests += 1
        self.num_input += estimated(num_letters, num_pictures)

    def answered(self, said: Said, num_letters: int, num_pictures: int) -> None:
        """Count an answer by what the host says, or by its length where that is more."""
        least = estimated(num_letters, num_pictures)
        told = max(least, said.num_input or 0)
        self.num_input += told - least
        self._worst_input = max(self._worst_input, told)
        self.num_output += max(len(said.text) // _LETTERS_A_TOKEN, said.num_output or 0)

    def _cost_of(self, num_input: int, num_output: int) -> float:
        return (num_input * self.price_in + num_output * self.price_out) / 1e6


def estimated(num_letters: int, num_pictures: int) -> int:
    """Return the least number of tokens that a request has."""
    return num_letters // _LETTERS_A_TOKEN + num_pictures * TOKENS_A_PICTURE


def _spent(limit: str) -> DataError:
    return DataError(
        f"the limit {limit} is reached",
        where="vici",
        hint="What was answered is kept in the cache; a higher limit goes on from there.",
    )
