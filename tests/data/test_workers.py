from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from georet.data.loader import PairLoader
from georet.data.samples import Job
from georet.data.workers import _Sent
from georet.errors import DataError
from georet.types import Batch, BatchPlan, PairTable, Pixels

SIZE = {"query": (16, 32), "reference": (16, 16)}


class Waits:
    """Stands still once, at the first image after the flag appears."""

    joint = False

    def __init__(self, flag: Path, seconds: float = 60.0) -> None:
        self.flag, self.seconds = flag, seconds

    def __call__(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        if self.flag.exists():
            time.sleep(self.seconds)
        return image


class Fails:
    joint = False

    def __call__(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        raise ZeroDivisionError("a mistake of the author")


def test_workers_live_until_the_loader_is_closed(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    with loader(make_pairs(), workers=2) as pairs:
        list(pairs.epoch(make_plan()))
        first = {process.pid for process in multiprocessing.active_children()}
        list(pairs.epoch(make_plan(epoch=1)))
        assert {process.pid for process in multiprocessing.active_children()} == first
        assert len(first) == 2
    assert not multiprocessing.active_children()


def test_an_epoch_left_early_does_not_disturb_the_next(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
    same: Callable[[Batch, Batch], bool],
) -> None:
    table, plan = make_pairs(), make_plan(epoch=1)
    with loader(table, workers=2) as pairs:
        left = pairs.epoch(make_plan())
        next(left)
        again = list(pairs.epoch(plan))
    assert all(same(a, b) for a, b in zip(loader(table).epoch(plan), again, strict=True))


def test_zero_workers_start_no_process(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    monkeypatch: pytest.MonkeyPatch,
    loader: Callable[..., PairLoader],
) -> None:
    def refuse() -> int:
        raise AssertionError("forked")

    monkeypatch.setattr(os, "fork", refuse)
    assert len(list(loader(make_pairs()).epoch(make_plan()))) == 4


def test_a_kept_batch_is_not_overwritten_by_later_ones(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    table, plan = make_pairs(), make_plan()
    with loader(table, workers=2) as pairs:
        batches = pairs.epoch(plan)
        kept = next(batches)
        copy = kept.images["query"].clone()
        list(batches)
    assert torch.equal(kept.images["query"], copy)


def test_a_killed_worker_is_an_error_that_names_what_it_was_at(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    tmp_path: Path,
    loader: Callable[..., PairLoader],
) -> None:
    table, flag = make_pairs(), tmp_path / "flag"
    with loader(table, workers=1, augment={"query": [Waits(flag)]}) as pairs:
        list(pairs.epoch(make_plan()))
        (worker,) = multiprocessing.active_children()
        flag.touch()
        batches = pairs.epoch(make_plan())
        waiting = time.monotonic()
        threading.Timer(0.3, os.kill, (worker.pid, signal.SIGKILL)).start()
        with pytest.raises(DataError, match=r"was killed by SIGKILL") as caught:
            next(batches)
        assert time.monotonic() - waiting < 10
        row = int(make_plan().batches[0, 0])
        assert str(table.queries.paths[row]) in caught.value.what
        assert str(table.references.paths[row]) in caught.value.what
        assert caught.value.where == "batch of step 0"
        flag.unlink()
        assert len(list(pairs.epoch(make_plan()))) == 4


def test_a_worker_killed_between_batches_is_an_error_only_when_it_is_needed(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    with loader(make_pairs(), workers=2) as pairs:
        list(pairs.epoch(make_plan()))
        victim = multiprocessing.active_children()[0]
        os.kill(victim.pid or 0, signal.SIGKILL)
        victim.join(5)
        time.sleep(0.05)
        with pytest.raises(DataError, match=r"loader worker \d was killed by SIGKILL"):
            list(pairs.epoch(make_plan()))


def test_a_hanging_worker_is_an_error_that_names_what_it_was_at(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    tmp_path: Path,
    loader: Callable[..., PairLoader],
) -> None:
    table, plan, flag = make_pairs(), make_plan(), tmp_path / "flag"
    flag.touch()
    augment = {"query": [Waits(flag)]}
    with loader(table, workers=2, augment=augment, timeout_s=0.4) as pairs:
        with pytest.raises(DataError, match=r"spent more than 0.4 s") as caught:
            next(pairs.epoch(plan))
        assert str(table.queries.paths[int(plan.batches[0, 0])]) in caught.value.what
    assert not multiprocessing.active_children()


def test_a_slow_worker_that_goes_on_is_not_taken_for_hung(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    tmp_path: Path,
    loader: Callable[..., PairLoader],
) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    augment = {"query": [Waits(flag, seconds=0.15)]}
    with loader(make_pairs(), workers=1, augment=augment, timeout_s=0.4) as pairs:
        assert next(pairs.epoch(make_plan())).step == 0


def test_a_signal_to_the_group_is_left_to_the_main_process(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    with loader(make_pairs(), workers=1) as pairs:
        batches = pairs.epoch(make_plan())
        next(batches)
        (worker,) = multiprocessing.active_children()
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(worker.pid or 0, number)
        assert len(list(batches)) == 3


@pytest.mark.parametrize("end", ["killed", "finished"])
def test_no_worker_outlives_the_main_process(
    end: str, make_pairs: Callable[..., PairTable]
) -> None:
    paths = make_pairs(4).queries.paths
    script = f"""
import multiprocessing, time
from pathlib import Path
from georet.data.loader import ImageLoader
from georet.types import ImageTable
table = ImageTable(list("abcd"), [Path(p) for p in {[str(path) for path in paths]}])
batches = iter(ImageLoader(table, size=(8, 8), batch_size=1, workers=3))
next(batches)
print(*[process.pid for process in multiprocessing.active_children()], flush=True)
if {end == "killed"}:
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as main:
        assert main.stdout is not None
        workers = [int(pid) for pid in main.stdout.readline().split()]
        if end == "killed":
            main.kill()
        main.wait(20)
    deadline = time.monotonic() + 10
    while any(_runs(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(workers) == 3
    assert not any(_runs(pid) for pid in workers)


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_mistake_in_a_transform_shows_where_it_happened(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    augment = {"reference": [Fails()]}
    with pytest.raises(ZeroDivisionError):
        next(loader(make_pairs(), augment=augment).epoch(make_plan()))
    with (
        loader(make_pairs(), augment=augment, workers=1) as pairs,
        pytest.raises(RuntimeError, match=r"(?s)in Fails|__call__.*a mistake of the author"),
    ):
        next(pairs.epoch(make_plan()))


@pytest.mark.parametrize(("size", "num_workers"), [(16, 5), (16, 14), (64, 14), (3, 4)])
def test_slots_go_round_among_workers_from_one_batch_to_the_next(size, num_workers):
    counts = np.zeros(num_workers, int)
    for number in range(12):
        sent = _Sent(Job(0, number, np.arange(size)), 0, number * size)
        shares = [list(sent.slots(worker, num_workers)) for worker in range(num_workers)]
        assert sorted(slot for share in shares for slot in share) == list(range(size))
        counts += [len(share) for share in shares]
        assert np.ptp(counts) <= 1
