"""Data set ``oriented``: another data set with the headings that ``georet data orient`` found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.contracts.training import Dataset
from georet.errors import DataError
from georet.types import EvaluationSet, PairTable
from georet_orientation.labels import WEIGHT, YAW, read_labels


class Oriented:
    """``inner`` with the pairs' columns ``yaw_rad`` and ``yaw_weight`` from the file ``labels``.

    Photos that the file doesn't name have weight 0. A column of that name that the inner data set
    has already is replaced.
    """

    def __init__(self, *, inner: ComponentSpec, labels: Path, context: BuildContext) -> None:
        self.inner: Dataset = context.create("datasets", inner, "inner")
        self.labels_path = labels

    def train(self) -> PairTable:
        """Return the inner pairs; DataError if the file names none of their photos."""
        table, labels = self.inner.train(), read_labels(self.labels_path)
        ids = [table.queries.ids[row] for row in table.pairs[:, 0]]
        found = [labels.get(name) for name in ids]
        if not any(found):
            raise DataError(
                "names none of the training photos",
                where=str(self.labels_path),
                hint=f"It has {next(iter(labels), 'none')!r}, the data set has {ids[0]!r}: "
                "was it written for another data set?",
            )
        yaw = np.array([label.yaw_rad if label else 0.0 for label in found])
        weight = np.array([label.weight if label else 0.0 for label in found])
        return replace(table, columns={**table.columns, YAW: yaw, WEIGHT: weight})

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return the inner sets."""
        return self.inner.evaluations()
