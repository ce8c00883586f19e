"""Scoring anybody's embeddings, from files to a result that says how it was counted."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from georet.errors import UsageError
from georet.evaluate.inputs import (
    read_embeddings,
    read_ids,
    read_junk,
    read_latlon,
    read_positives,
)
from georet.evaluate.protocols import described, protocol_of
from georet.evaluate.ranking import rank_embeddings
from georet.evaluate.scoring import lint, metrics_of
from georet.types import JUNK_ID, EvaluationProtocol, Ints, Positives, Ranking
from georet.version import __version__


@dataclass(frozen=True, kw_only=True)
class Files:
    """What is scored: ``FILE.npy`` or ``FILE.npz:member``, ids and positions also as text.

    ``positives`` (array, ``.json``, ``.csv``, ``.txt``) are rows of the references; in their place
    ids may stand on both sides: references of the query's id are right, those of id -1 junk.
    """

    query: str
    reference: str
    positives: str | None = None
    junk: str | None = None
    query_ids: str | None = None
    reference_ids: str | None = None
    query_latlon: str | None = None
    reference_latlon: str | None = None


def score_files(
    files: Files, *, protocol: str | EvaluationProtocol, name: str | None = None
) -> dict[str, Any]:
    """Return the result of files under a protocol, as JSON values.

    ``name`` (by default the query file's) is what its row in a table is called. UsageError for
    what does not go together, DataError, with file and line, for what can't be read.
    """
    rules = protocol_of(protocol)
    has_ids = files.query_ids is not None, files.reference_ids is not None
    if any(has_ids) and not all(has_ids):
        raise UsageError("ids are needed on both sides", hint="Give --query-ids, --reference-ids.")
    if all(has_ids) and files.positives is not None:
        raise UsageError(
            "positives and ids are both given", hint="Give POSITIVES as rows, or ids, not both."
        )
    if rules.needs_positives and files.positives is None and not any(has_ids):
        raise UsageError(
            "what is right is missing",
            where="POSITIVES",
            hint="Give POSITIVES, or --query-ids and --reference-ids.",
        )
    query, reference = read_embeddings(files.query), read_embeddings(files.reference)
    positives = None if files.positives is None else read_positives(files.positives)
    junk = None if files.junk is None else read_junk(files.junk)
    if files.query_ids is not None and files.reference_ids is not None:
        ids = read_ids(files.query_ids), read_ids(files.reference_ids)
        _check_count(files.query_ids, ids[0], len(query))
        _check_count(files.reference_ids, ids[1], len(reference))
        positives, junk = positives_by_id(*ids), _with_junk_ids(junk, ids[1])
    ranking = rank_embeddings(
        query,
        reference,
        positives,
        protocol=rules,
        junk=junk,
        query_latlon=None if files.query_latlon is None else read_latlon(files.query_latlon),
        reference_latlon=None
        if files.reference_latlon is None
        else read_latlon(files.reference_latlon),
    )
    return {"name": name or _name_of(files.query)} | result_of(ranking, rules)


def result_of(ranking: Ranking, protocol: str | EvaluationProtocol) -> dict[str, Any]:
    """Return a ranking's result as JSON values: rules, counts, metrics, warnings, versions."""
    metrics = metrics_of(ranking, protocol)
    return described(protocol, ranking) | {
        "metrics": metrics,
        "warnings": lint(metrics, ranking),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions of what computes a result."""
    return {
        "georet": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def positives_by_id(query_ids: NDArray[np.str_], reference_ids: NDArray[np.str_]) -> Positives:
    """Return for each query the rows of all references of its id, none for the id of junk."""
    order = np.argsort(reference_ids, kind="stable")
    ordered = reference_ids[order]
    first = np.searchsorted(ordered, query_ids, "left")
    end = np.searchsorted(ordered, query_ids, "right")
    end = np.where(query_ids == JUNK_ID, first, end)
    return [order[a:b].tolist() for a, b in zip(first, end, strict=True)]


def _with_junk_ids(junk: NDArray[Any] | None, reference_ids: NDArray[np.str_]) -> Ints:
    rows = np.flatnonzero(reference_ids == JUNK_ID)
    if junk is None:
        return rows
    named = np.flatnonzero(junk) if junk.dtype == np.bool_ else junk
    return np.concatenate([rows, named]).astype(np.int64)


def _check_count(name: str, ids: NDArray[np.str_], wanted: int) -> None:
    if len(ids) != wanted:
        raise UsageError(
            f"holds {len(ids)} ids for {wanted} embeddings",
            where=name,
            hint=f"Is its first line, {str(ids[0])!r}, a header?"
            if len(ids) == wanted + 1
            else None,
        )


def _name_of(query: str) -> str:
    file, _, member = query.partition(".npz:")
    return member or Path(file).stem
