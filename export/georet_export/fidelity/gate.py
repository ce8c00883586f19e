"""The gate that an export must pass: as close to torch as its precision allows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from georet.export_spec import Precision

LEAST_COSINE: Final[dict[Precision, float]] = {"fp32": 1 - 1e-5, "fp16": 0.9995}
"""Every image's cosine to torch fp32 must be greater; int8 is judged by what it retrieves."""
MAX_LOSS: Final = 0.5
"""Points of recall@1 (in percent of the queries) that int8 may lose, unless told otherwise."""


@dataclass(frozen=True)
class Verdict:
    """Whether an export may be used: the rule, and what was found under it."""

    passed: bool
    rule: str
    found: str

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


def decide(
    precision: Precision, *, cosine_min: float, recall_change: float, max_loss: float = MAX_LOSS
) -> Verdict:
    """Return the verdict on an export.

    ``cosine_min`` is the least cosine of any image to torch fp32, ``recall_change`` recall@1 after
    less before, in points. NaN fails.
    """
    if precision in LEAST_COSINE:
        least = LEAST_COSINE[precision]
        return Verdict(
            passed=cosine_min > least,
            rule=f"{precision}: cosine to torch fp32 > {least:g} for every image",
            found=f"the least is 1 - {1 - cosine_min:.1e}",
        )
    return Verdict(
        passed=recall_change >= -max_loss,
        rule=f"{precision}: recall@1 loses at most {max_loss:g} points",
        found=f"recall@1 {recall_change:+.2f} points",
    )
