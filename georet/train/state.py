"""Where a run stands, as a checkpoint keeps it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from georet.errors import IntegrityError


@dataclass
class State:
    """The loop's position and memory; with the tensors, all that a resume needs."""

    epoch: int = 0
    batch: int = 0
    """Next batch within the epoch."""
    step: int = 0
    """Batches done since the start."""
    bad_in_row: int = 0
    num_bad: int = 0
    best: float | None = None
    evaluations_since_best: int = 0
    bank: dict[str, Any] | None = None
    bank_epoch: int = -1
    """Epoch whose plan the bank was prepared for."""
    plan: str | None = None
    """Digest of the plan of the epoch that runs."""
    is_trained: bool = False
    """No epoch follows, whatever the configuration says: what is left are fits and judgement."""
    is_finished: bool = False

    @staticmethod
    def last_epoch(values: dict[str, Any]) -> int:
        """Return the last epoch that weights saved with ``as_json``'s values were trained in."""
        return int(values["epoch"]) - (not values["batch"])

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    def restore(self, values: dict[str, Any]) -> None:
        """Take the values of ``as_json``; further keys are left to others."""
        names = {field.name for field in fields(self)}
        missing = names - set(values) - {"plan", "is_trained"}  # which older ones lack
        if missing:
            raise IntegrityError(f"the checkpoint's state lacks {sorted(missing)}")
        for name in names & set(values):
            setattr(self, name, values[name])
