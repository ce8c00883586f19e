"""What a configuration and its data make likely to go wrong, said before hours are spent on it."""

from __future__ import annotations

from typing import Final

import numpy as np

from georet.types import PairTable

MOST_QUERIES_A_REFERENCE: Final = 10.0


def repeated_references(pairs: PairTable, epochs: int) -> str | None:
    """Return a warning if many queries share each reference and training goes on past one epoch.

    Every epoch then shows each reference as often as it has queries: with University-1652's 54
    drone photos a building, 40 epochs end at about 40 AP where one gives 94 (Sample4Geo, ICCV
    2023). None where that is no danger.
    """
    share = len(pairs) / max(1, len(np.unique(pairs.pairs[:, 1])))
    if epochs <= 1 or share <= MOST_QUERIES_A_REFERENCE:
        return None
    return (
        f"warning: {share:.0f} queries on average share a reference (N:1) and train.epochs is "
        f"{epochs}: each epoch shows every reference that often, and the encoder may collapse\n"
        "  Train for one epoch: --set train.epochs=1 --set train.warmup_epochs=0.1"
    )
