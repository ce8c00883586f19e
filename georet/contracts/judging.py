"""What protocols must do; the type itself stands beside the evaluation sets that name one."""

from __future__ import annotations

from georet.types import EvaluationProtocol

__all__ = ["EvaluationProtocol"]
