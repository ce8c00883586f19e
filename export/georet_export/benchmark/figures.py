"""The figures of a benchmark: times of calls in rounds, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from georet.types import Doubles
from georet_export.benchmark.contenders import Contender
from georet_export.benchmark.worker import Opened
from georet_export.fidelity.compare import Compared
from georet_export.fidelity.evidence import Evidence

WALL, CPU = 0, 1


@dataclass(frozen=True)
class Timing:
    """Seconds of calls with ``batch`` images, float64[2, calls] (wall, CPU) for each round."""

    batch: int
    rounds: tuple[Doubles, ...]

    @property
    def calls(self) -> Doubles:
        """All calls float64[2, calls]."""
        return np.concatenate(self.rounds, axis=1)

    def images_per_s(self) -> float:
        """Return images a second, by the median call."""
        return self.batch / float(np.median(self.calls[WALL]))

    def latency_ms(self) -> dict[str, float]:
        """Return milliseconds of a call: median, 90th and 99th percentile."""
        found = np.percentile(1000 * self.calls[WALL], [50, 90, 99])
        return dict(zip(("p50", "p90", "p99"), map(float, found), strict=True))

    def cpu_ms_per_image(self) -> float:
        """Return milliseconds of processor time an image, all threads together."""
        return 1000 * float(np.median(self.calls[CPU])) / self.batch

    def faster_than(self, other: Timing, clock: int) -> float:
        """Return by what factor on a clock: the median over rounds of the ratio of medians."""
        pairs = zip(other.rounds, self.rounds, strict=True)
        ratios = [np.median(theirs[clock]) / np.median(own[clock]) for theirs, own in pairs]
        return float(np.median(ratios))


@dataclass
class Measured:
    """A contender with everything that was found out about it; memory in bytes."""

    contender: Contender
    opened: Opened
    timings: dict[int, Timing] = field(default_factory=dict)
    peak_memory: int = 0
    compared: Compared | None = None


@dataclass(frozen=True)
class Result:
    """All contenders, torch first if it took part; what was absent and why; what was shown."""

    measured: Sequence[Measured]
    absent: Sequence[str]
    batches: Sequence[int]
    evidence: Evidence | None

    @property
    def baseline(self) -> Measured | None:
        """torch, if it took part."""
        first = self.measured[0]
        return first if first.contender.is_torch else None

    def speedup(self, measured: Measured, batch: int, clock: int) -> float | None:
        """Return by what factor a contender is faster than torch; None without torch."""
        if self.baseline is None:
            return None
        return measured.timings[batch].faster_than(self.baseline.timings[batch], clock)
