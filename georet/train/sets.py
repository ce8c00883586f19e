"""A data set's evaluation sets, checked, with the protocols that judge them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from georet.blame import blaming, maker_of
from georet.contracts.training import Dataset
from georet.errors import DataError
from georet.evaluate.protocols import ALIASES, PROTOCOLS
from georet.plugins import Plugins
from georet.plugins.discovery import CORE
from georet.types import EvaluationProtocol, EvaluationSet, ImageTable

SET_NAME = r"[A-Za-z0-9][A-Za-z0-9._+ -]*"
"""What an evaluation set may be called."""


def name_origin(dataset: Dataset, tables: Iterable[object]) -> None:
    """Note in tables of images which data set told of them, for errors at their images."""
    origin = maker_of(dataset).as_origin
    for table in tables:
        if isinstance(table, ImageTable) and not table.origin:
            # In place: loaders and evaluations know tables by identity.
            object.__setattr__(table, "origin", origin)


def evaluations_of(dataset: Dataset, plugins: Plugins) -> Mapping[str, EvaluationSet]:
    """Return the data set's evaluation sets by name; ComponentError for what is none.

    Where the protocol is a plugin's, it stands in the set, made.
    """
    maker = maker_of(dataset)
    with blaming(dataset, "evaluations()"):
        found: Any = dataset.evaluations()
    if not isinstance(found, Mapping) or not found:
        what = "no set" if isinstance(found, Mapping) else f"a {type(found).__name__}"
        raise maker.broke(
            f"evaluations() returned {what}",
            "Return {name: EvaluationSet}, the main one first; a run is judged by it.",
        )
    sets: dict[str, EvaluationSet] = {}
    for name, which in found.items():
        if not isinstance(which, EvaluationSet):
            raise maker.broke(f"the evaluation set {name!r} is a {type(which).__name__}")
        if not re.fullmatch(SET_NAME, str(name)):
            raise maker.broke(
                f"{name!r} can't be the name of an evaluation set",
                "It becomes a file's name: letters, digits and . _ + - after the first character.",
            )
        with blaming(dataset, f"the evaluation set {name!r}"):
            for _, *sides in which.sides:
                name_origin(dataset, [table for _, table in sides])
            sets[str(name)] = replace(which, protocol=protocol_named(which.protocol, plugins))
            if len(which.positives) != len(which.queries):
                raise DataError(
                    f"{len(which.positives)} rows of positives for {len(which.queries)} queries",
                    where=str(name),
                )
            rows = [row for row in map(np.asarray, which.positives) if row.size]
            most = max((int(row.max()) for row in rows), default=-1)
            if most >= len(which.gallery):
                raise DataError(
                    f"positive {most} is no row of the {len(which.gallery)} references",
                    where=str(name),
                    hint="Positives are rows of the gallery's table, counted from 0.",
                )
    return sets


def protocol_named(
    protocol: str | EvaluationProtocol, plugins: Plugins, *, where: str = "protocol"
) -> str | EvaluationProtocol:
    """Return what judges by that name: georet's own id as it stands, or a plugin's, made.

    A name that georet has means georet's, whatever else plugins bring. ComponentError, with the
    closest names, for one that nobody has.
    """
    if not isinstance(protocol, str):
        return protocol
    name = protocol.removeprefix(f"{CORE}:")
    if name in ALIASES or name in PROTOCOLS:
        return name
    made: EvaluationProtocol = plugins.catalog.create("protocols", protocol, where=where)
    return made
