"""A plan that breaks the contract is refused, and the sampler named."""

from __future__ import annotations

import numpy as np
import pytest

from georet.blame import Maker, mark
from georet.errors import ComponentError, TrainingError
from georet.train.planning import plan_epoch, wanted_bank
from georet.types import BatchPlan, ImageTable, PairTable

MAKER = Maker("samplers", "mine:odd", "plugin 'mine' (mine.py)")


class Odd:
    """Plans what ``change`` makes of good batches."""

    def __init__(self, change=lambda batches: batches, wants=None):
        self.change, self.wants = change, wants
        mark(self, MAKER)

    def wants_bank(self, epoch):
        return self.wants

    def plan(self, epoch, pairs, bank, *, batch_size, seed):
        rng = np.random.default_rng([seed, epoch])
        batches = rng.permutation(len(pairs)).reshape(-1, batch_size)
        return BatchPlan(self.change(batches), epoch, seed, "odd")


@pytest.fixture
def pairs(tmp_path):
    def table(view):
        ids = [str(i) for i in range(16)]
        return ImageTable(ids, [tmp_path / i for i in ids], name=view)

    rows = np.arange(16)
    return PairTable(
        {"query": table("query"), "reference": table("reference")},
        np.stack([rows, np.where(rows == 15, 14, rows)], axis=1),
    )


def planned(sampler, pairs, **options):
    options = {"batch_size": 4, "seed": 3, "epochs": 2, "twice": True} | options
    return plan_epoch(sampler, 0, pairs, None, **options)


def put(batches, value, place=(0, 0)):
    batches = batches.copy()
    batches[place] = value
    return batches


def apart(batches):
    """Put the two pairs of one reference, 14 and 15, into different batches."""
    order = np.argsort(batches.ravel())
    return order[np.arange(16).reshape(4, 4).T]


def test_a_good_plan_passes(pairs):
    assert planned(Odd(apart), pairs).batches.shape == (4, 4)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda b: put(b, -1), "rows -1 to"),
        (lambda b: put(b, 16), "to 16, there are pairs 0 to 15"),
        (lambda b: put(b, 2**40), "rows"),
        (lambda b: put(b, b[0, 1]), "1 pairs twice"),
        (lambda b: np.concatenate([b, b]), "16 pairs twice"),
        (lambda b: put(b, b[3, 3]), "pairs twice"),
        (lambda b: b[:, :2], r"int64\[4, 2\], wanted int64\[S, 4\]"),
        (lambda b: b.ravel(), r"int64\[16\]"),
        (lambda b: b.astype(float), "float64"),
        (lambda b: b.astype(np.int32), "int32"),
        (lambda b: b.tolist(), "list"),
        (lambda b: None, "NoneType"),
        (lambda b: np.random.default_rng().permutation(b), "two calls"),
    ],
)
def test_a_broken_plan_names_the_sampler_and_what_is_wrong(change, text, pairs):
    with pytest.raises(ComponentError, match=text) as caught:
        planned(Odd(lambda batches: change(apart(batches))), pairs)
    assert "'mine:odd' of plugin 'mine'" in str(caught.value.where)


def test_a_reference_twice_in_a_batch_is_refused_unless_the_sampler_says_so(pairs):
    together = Odd(lambda _: np.arange(16).reshape(4, 4))
    with pytest.raises(ComponentError, match=r"1 of 4 batches hold a reference twice.* batch 3"):
        planned(together, pairs)
    together.repeats_references = True
    assert len(planned(together, pairs).batches) == 4


def test_an_empty_plan_and_no_plan_are_told(pairs):
    with pytest.raises(TrainingError, match="no batch") as caught:
        planned(Odd(lambda b: b[:0]), pairs)
    assert "mine:odd" in str(caught.value.where)
    sampler = Odd()
    sampler.plan = lambda *_, **__: [1, 2]
    with pytest.raises(ComponentError, match="returned list"):
        planned(sampler, pairs)


def test_what_a_sampler_raises_names_it_and_its_line(pairs):
    sampler = Odd(lambda b: b / 0 if False else 1 / 0)
    mark(sampler, Maker("samplers", "mine:odd", "plugin 'mine'", root=__file__))
    with pytest.raises(
        ComponentError, match=r"ZeroDivisionError.*test_planning.py:\d+, `"
    ) as caught:
        planned(sampler, pairs)
    assert "mine:odd" in str(caught.value.where)


@pytest.mark.parametrize("wants", ["everything", 1, True])
def test_a_sampler_that_wants_what_there_is_not_is_refused(wants):
    with pytest.raises(ComponentError, match="'mine', 'keep', 'incremental' or None"):
        wanted_bank(Odd(wants=wants), 0)


def test_a_sampler_that_asks_is_told_how_many_epochs_there_are(pairs):
    told = []

    class Asks(Odd):
        def plan(self, epoch, pairs, bank, *, batch_size, seed, epochs):
            told.append(epochs)
            return super().plan(epoch, pairs, bank, batch_size=batch_size, seed=seed)

    planned(Asks(), pairs, epochs=7)
    assert told == [7, 7]
