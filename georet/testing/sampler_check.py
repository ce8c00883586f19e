"""The check for samplers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from georet.contracts.asking import asks_for
from georet.contracts.training import Sampler
from georet.testing.expect import expect
from georet.testing.synthetic import made_up_bank, made_up_pairs
from georet.types import BankSpec, BatchPlan, EmbeddingBank, PairTable

_NUM_EPOCHS = 10
"""What samplers are told that ask how many epochs the run has."""
_WISHES = (None, "mine", "keep", "incremental")


def check_sampler(
    sampler: Sampler,
    *,
    batch_size: int = 8,
    num_epochs: int = 3,
    pairs: PairTable | None = None,
    keeps_references_apart: bool = True,
) -> None:
    """Raise AssertionError unless a sampler's plans int64[S, B] keep the contract.

    Checked over ``num_epochs``: full batches of existing pairs, no pair twice in an epoch, no
    reference twice in a batch (unless ``keeps_references_apart`` is False); the same arguments
    give the same plan whatever was planned before; other seeds and epochs give other plans;
    nothing given is changed. ``pairs`` replaces the made-up table, in which every place has two
    queries.
    """
    table = made_up_pairs(12 * batch_size, queries_per_place=2) if pairs is None else pairs
    plans = [_plan(sampler, epoch, table, batch_size, seed=5) for epoch in range(num_epochs)]
    for epoch, plan in enumerate(plans):
        _check_plan(plan, epoch, table, batch_size)
        if keeps_references_apart:
            references = np.sort(table.pairs[plan.batches, 1], axis=1)
            step = np.flatnonzero((references[:, 1:] == references[:, :-1]).any(axis=1))
            expect(
                len(step) == 0,
                f"a reference stands twice in batch {step[:1]} of epoch {plan.epoch}",
                "Two pairs of one reference are no negatives of each other: keep them in different "
                "batches, or check with keeps_references_apart=False if the losses can bear it",
            )
    for epoch in reversed(range(num_epochs)):
        again = _plan(sampler, epoch, table, batch_size, seed=5)
        expect(
            np.array_equal(again.batches, plans[epoch].batches),
            f"epoch {epoch} was planned differently the second time",
            "Derive all randomness from np.random.default_rng([seed, epoch]) and keep nothing from "
            "one call for the next",
        )
    _check_variety(sampler, plans, table, batch_size)


def _plan(
    sampler: Sampler, epoch: int, table: PairTable, batch_size: int, *, seed: int
) -> BatchPlan:
    wish = sampler.wants_bank(epoch)
    expect(
        wish in _WISHES,
        f"wants_bank({epoch}) returned {wish!r}",
        f"Return one of {', '.join(map(repr, _WISHES))}",
    )
    spec = getattr(sampler, "bank_spec", None)
    _check_spec(spec, table)
    bank = None if wish is None else made_up_bank(table, epoch, spec=spec)
    before = _contents(table, bank)
    more = {"epochs": _NUM_EPOCHS} if asks_for(sampler.plan, "epochs") else {}
    plan: object = sampler.plan(epoch, table, bank, batch_size=batch_size, seed=seed, **more)
    expect(
        isinstance(plan, BatchPlan),
        f"plan() returned a {type(plan).__name__}",
        "Return georet.types.BatchPlan(batches, epoch, seed, sampler)",
    )
    assert isinstance(plan, BatchPlan)
    expect(
        _contents(table, bank) == before,
        "the sampler changes the pairs or the bank",
        "Copy an array before sorting, shuffling or writing into it",
    )
    return plan


def _contents(table: PairTable, bank: EmbeddingBank | None) -> list[bytes]:
    vectors = [] if bank is None else [array.tobytes() for array in bank.views.values()]
    return [table.pairs.tobytes(), *vectors]


def _check_spec(spec: object, table: PairTable) -> None:
    """Check what a sampler wants to be in its banks, on a few embeddings."""
    if spec is None:
        return
    expect(
        isinstance(spec, BankSpec),
        f"bank_spec is a {type(spec).__name__}",
        "Make it a georet.types.BankSpec",
    )
    assert isinstance(spec, BankSpec)
    unknown = [view for view in spec.views if view not in table.views]
    expect(
        not unknown,
        f"bank_spec wants the views {unknown}, there are {list(table.views)}",
        "Check it with pairs=..., a table of those views",
    )
    if spec.encode is None:
        return
    few = np.eye(6, 16, dtype=np.float32)
    for view in spec.views:
        whole = spec.encode(view, few)
        parts = np.concatenate([spec.encode(view, few[:2]), spec.encode(view, few[2:])])
        expect(
            np.array_equal(whole, parts) and whole.ndim == 2 and whole.dtype == parts.dtype,
            "bank_spec.encode() depends on which rows come along, or gives no [M, W]",
            "Encode each embedding for itself; a bank is encoded some rows at a time",
        )


def _check_plan(plan: BatchPlan, epoch: int, table: PairTable, batch_size: int) -> None:
    batches = plan.batches
    expect(
        batches.dtype == np.int64 and batches.ndim == 2,
        f"the batches are {batches.dtype} of shape {batches.shape}",
        "Return int64[S, B], for example with .astype(np.int64).reshape(-1, batch_size)",
    )
    expect(
        batches.shape[1] == batch_size and len(batches) > 0,
        f"the batches have shape {batches.shape}, batch_size is {batch_size}, {len(table)} pairs",
        "Give full batches of batch_size pairs; drop a last one that is not full",
    )
    expect(
        batches.min() >= 0 and batches.max() < len(table),
        f"the batches hold rows {batches.min()} to {batches.max()}, there are {len(table)} pairs",
        "They are rows of the pair table, not rows of an image table and no padding",
    )
    expect(
        len(np.unique(batches)) == batches.size,
        f"epoch {epoch} holds {batches.size - len(np.unique(batches))} pairs twice",
        "Mark each pair as used when it enters a batch",
    )
    expect(
        plan.epoch == epoch and plan.seed == 5,
        f"the plan of epoch {epoch}, seed 5 says epoch {plan.epoch}, seed {plan.seed}",
        "Pass epoch and seed on to BatchPlan",
    )


def _check_variety(
    sampler: Sampler, plans: list[BatchPlan], table: PairTable, batch_size: int
) -> None:
    other_seed = _plan(sampler, 0, table, batch_size, seed=6)
    expect(
        not np.array_equal(other_seed.batches, plans[0].batches),
        "seeds 5 and 6 give the same plan",
        "Use the seed: np.random.default_rng([seed, epoch])",
    )
    for before, plan in pairwise(plans):
        expect(
            not np.array_equal(before.batches, plan.batches),
            f"epochs {before.epoch} and {plan.epoch} have the same plan",
            "Use the epoch: np.random.default_rng([seed, epoch])",
        )
