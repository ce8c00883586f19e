"""The check for data sets."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from georet.contracts.training import Dataset
from georet.data.images import read_image
from georet.errors import DataError, UsageError
from georet.evaluate import protocol_of
from georet.testing.expect import expect
from georet.types import EvaluationSet, ImageTable, PairTable


def check_dataset(
    dataset: Dataset, *, num_images: int = 4, protocols: Collection[str] = ()
) -> None:
    """Raise AssertionError unless a data set's tables keep the contract.

    Checked: a PairTable with pairs and at least one EvaluationSet; the same tables when asked
    again; positives and junk that are rows of the gallery; a query's own image is not among the
    training images; ``num_images`` of each table, spread over it, can be decoded. ``protocols`` are
    names of protocols that plugins bring.
    """
    pairs: object = dataset.train()
    expect(
        isinstance(pairs, PairTable),
        f"train() returned a {type(pairs).__name__}",
        "Return a georet.types.PairTable",
    )
    assert isinstance(pairs, PairTable)
    expect(len(pairs) > 0, "there are no training pairs", "Give at least one batch of them")
    second = dataset.train()
    is_same = np.array_equal(pairs.pairs, second.pairs) and all(
        list(table.ids) == list(second.views[view].ids) for view, table in pairs.views.items()
    )
    is_same &= all(
        np.array_equal(first, again)
        for view in {*pairs.alternatives, *second.alternatives}
        for first, again in zip(pairs.listed(view), second.listed(view), strict=True)
    )
    expect(
        is_same,
        "train() gave another table the second time",
        "Sort what the file system lists, and draw from np.random.default_rng(seed)",
    )
    for table in pairs.views.values():
        _check_images(table, num_images)
    evaluations: object = dataset.evaluations()
    expect(
        isinstance(evaluations, Mapping) and bool(evaluations),
        "evaluations() names no set",
        "Return {name: georet.types.EvaluationSet}, the main one first",
    )
    assert isinstance(evaluations, Mapping)
    for name, evaluation in evaluations.items():
        _check_evaluation(str(name), evaluation, pairs, num_images, protocols)


def _check_evaluation(
    name: str,
    evaluation: EvaluationSet,
    pairs: PairTable,
    num_images: int,
    protocols: Collection[str],
) -> None:
    queries, gallery = evaluation.queries, evaluation.gallery
    expect(
        len(queries) > 0 and len(gallery) > 0,
        f"evaluation set {name!r} has {len(queries)} queries and {len(gallery)} references",
        "Leave out sets that are empty",
    )
    expect(
        len(evaluation.positives) == len(queries),
        f"set {name!r} has {len(queries)} queries, positives for {len(evaluation.positives)}",
        "Give one row of gallery rows for each query; -1 pads",
    )
    sides = [side for _, *both in evaluation.sides for side in both]
    unknown = {view for view, _ in sides} - set(pairs.views)
    counts = [len(table) for _, table in sides]
    expect(
        counts == len(evaluation.sides) * [len(queries), len(gallery)],
        f"set {name!r} sums views of {counts} images, the set's own tables have {counts[:2]}",
        "Give tables in the order of the set's own",
    )
    expect(
        not unknown,
        f"set {name!r} is embedded by the view {''.join(sorted(unknown)[:1])!r}, "
        f"training has {', '.join(pairs.views)}",
        "Name a view of train(), whose size and encoder are known",
    )
    expect(
        evaluation.group is None or len(evaluation.group) == len(evaluation.queries),
        f"set {name!r} has {len(evaluation.queries)} queries, "
        f"groups for {len(evaluation.group or ())}",
        "Give the group of each query, or None",
    )
    rows = [row for positives in evaluation.positives for row in np.ravel(positives)]
    junk = [] if evaluation.junk is None else evaluation.junk.tolist()
    outside = [int(row) for row in [*rows, *junk] if not -1 <= row < len(gallery)]
    expect(
        not outside,
        f"set {name!r} points to gallery rows {outside[:3]}, the gallery has {len(gallery)} rows",
        "Positives and junk are rows of the gallery table, not ids",
    )
    seen = {str(path) for path in pairs.queries.paths}
    leaked = [str(path) for path in queries.paths if str(path) in seen]
    expect(
        not leaked,
        f"{len(leaked)} queries of set {name!r} are training images, such as {''.join(leaked[:1])}",
        "Keep the queries that judge the encoder out of train()",
    )
    if evaluation.protocol not in protocols:
        try:
            protocol_of(evaluation.protocol)
        except UsageError as error:
            raise AssertionError(f"set {name!r} is judged by nothing: {error}") from error
    for table in (queries, gallery):
        _check_images(table, num_images)


def _check_images(table: ImageTable, num_images: int) -> None:
    rows = np.unique(np.linspace(0, len(table) - 1, num_images).astype(np.int64))
    for row in rows[: len(table)]:
        try:
            read_image(table.paths[row])
        except DataError as error:
            raise AssertionError(
                f"image {table.ids[row]!r} of {table.name} can't be decoded: {error}"
            ) from error
