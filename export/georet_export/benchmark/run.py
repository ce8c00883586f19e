"""Side by side in one run: speed, latency, memory and fidelity of everything that can execute."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from georet.errors import UsageError
from georet.progress import stage
from georet.train.run import check_run, reconfigure
from georet.types import Doubles, Pixels
from georet_export.benchmark.contenders import Contender, Entries
from georet_export.benchmark.figures import Measured, Result, Timing
from georet_export.benchmark.worker import Worker
from georet_export.fidelity.compare import Sides, compare
from georet_export.fidelity.evidence import Evidence, evidence_of

ROUNDS = 10
_BATCH = 64
_SEED = 0
Workers = Mapping[Contender, Worker]


@dataclass(frozen=True)
class Schedule:
    """What is measured: batch sizes, seconds for each contender and batch, images to compare.

    Of the comparison images ``num_images`` None takes all, 0 makes no comparison. ``overrides``
    are ``--set`` values for the run's configuration.
    """

    batches: tuple[int, ...] = (1, 8, 32)
    seconds: float = 3.0
    num_images: int | None = 1000
    overrides: tuple[str, ...] = ()


def run_benchmark(entries: Entries, plan: Schedule) -> Result:
    """Open every contender in a process of its own, time them in turns, then compare.

    In each of ``ROUNDS`` rounds everyone gets the same share of the seconds, so that whatever else
    the machine does meets all of them. Without a run the images are noise, and nothing is
    compared. Raises UsageError for a batch that an artefact doesn't take.
    """
    evidence = _evidence(entries, plan)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        timed = folder / "timed.npy"
        np.save(timed, _timed_images(entries.contenders[0], evidence, max(plan.batches)))
        workers: dict[Contender, Worker] = {}
        for contender in entries.contenders:
            workers[contender] = worker = Worker(contender.spec, timed)
            stack.callback(worker.close)
        measured = [Measured(contender, worker.opened) for contender, worker in workers.items()]
        for each in measured:
            name, first = each.contender.name, measured[0]
            if not each.opened.identity.is_comparable(first.opened.identity):
                raise UsageError(
                    f"{name} is not the same encoder as {first.contender.name}: its weights differ",
                    where=str(each.contender.spec.source),
                    hint="Export the run again, or name the run that it was exported from (--run).",
                )
            limit, largest = each.opened.max_batch, max(plan.batches)
            if not each.contender.is_torch and limit is not None and largest > limit:
                raise UsageError(
                    f"{largest} images at once, {name} takes at most {limit}",
                    where="--batch",
                    hint=f"georet export --batch 1,{limit},{largest} exports a larger range.",
                )
        _time_all(measured, workers, plan)
        if evidence is not None and plan.num_images != 0:
            paths = _write_images(evidence, folder)
            with stage(len(measured), "comparing") as bar:
                (query_view, _), (gallery_view, _) = evidence.tables()
                expected: Sides | None = None
                for each in measured:
                    worker = workers[each.contender]
                    found = worker.embed(query_view, paths[0]), worker.embed(gallery_view, paths[1])
                    expected = expected or found
                    each.compared = compare(evidence, expected, found)
                    bar.advance(1, each.contender.name)
    return Result(measured, entries.absent, plan.batches, evidence)


def _evidence(entries: Entries, plan: Schedule) -> Evidence | None:
    if entries.run_dir is None:
        return None
    spec = entries.contenders[0].spec
    config, plugins = reconfigure(
        check_run(entries.run_dir),
        selection=spec.selection,
        overrides=plan.overrides,
    )
    # Without a comparison a few images are needed all the same, to be timed on.
    wanted = plan.num_images if plan.num_images != 0 else 2 * max(plan.batches)
    return evidence_of(config, plugins, num_images=wanted)


def _timed_images(contender: Contender, evidence: Evidence | None, num: int) -> Pixels:
    """Return uint8[num, H, W, 3]: real images, repeated if there are too few, or noise."""
    session = contender.spec.open()
    try:
        size = session.identity.size
    finally:
        session.close()
    if evidence is None:
        noise = np.random.default_rng(_SEED).integers(0, 256, (num, *size, 3))
        return noise.astype(np.uint8)
    view = contender.spec.view
    table = dict(evidence.tables()).get(view, evidence.data.queries)
    rows = np.arange(num) % len(table)
    images = next(evidence.batches(table.take(np.unique(rows)), size, len(table)))[1]
    return images[rows]


def _time_all(measured: list[Measured], workers: Workers, plan: Schedule) -> None:
    with stage(len(plan.batches) * ROUNDS * len(measured), "timing") as bar:
        for batch in plan.batches:
            rounds: dict[Contender, list[Doubles]] = {m.contender: [] for m in measured}
            for worker in workers.values():
                worker.time(batch, 0)
            for number in range(ROUNDS):
                # Everyone follows everyone, so that nobody always runs on the same warm cache.
                turn = [*measured[number % len(measured) :], *measured[: number % len(measured)]]
                for each in turn:
                    found = workers[each.contender].time(batch, plan.seconds / ROUNDS)
                    rounds[each.contender].append(found)
                    bar.advance(1, f"{each.contender.name}, batch {batch}")
            for each in measured:
                each.timings[batch] = Timing(batch, tuple(rounds[each.contender]))
    for each in measured:
        each.peak_memory = workers[each.contender].peak_memory()


def _write_images(evidence: Evidence, folder: Path) -> list[Path]:
    paths = []
    for side, (view, table) in enumerate(evidence.tables()):
        size = evidence.reading.size[view]
        path = folder / f"side-{side}.npy"
        shape = (len(table), *size, 3)
        images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        for rows, part in evidence.batches(table, size, _BATCH):
            images[rows] = part
        images.flush()
        paths.append(path)
    return paths
