"""The plan of an epoch: asked from the sampler, and held against what a plan must be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from georet.blame import blaming, maker_of
from georet.contracts.asking import asks_for
from georet.contracts.training import Sampler
from georet.errors import TrainingError
from georet.ranks.world import Ranks
from georet.types import BatchPlan, EmbeddingBank, PairTable

WANTS = ("mine", "keep", "incremental", None)
"""What a sampler may ask for."""


def wanted_bank(sampler: Sampler, epoch: int) -> str | None:
    """Return what the sampler wants for an epoch; ComponentError for another word."""
    with blaming(sampler, "wants_bank()"):
        wanted = sampler.wants_bank(epoch)
    if wanted not in WANTS:
        raise maker_of(sampler).broke(
            f"wants_bank({epoch}) returned {wanted!r}",
            "It is 'mine', 'keep', 'incremental' or None.",
        )
    return wanted


def plan_epoch(
    sampler: Sampler,
    epoch: int,
    pairs: PairTable,
    bank: EmbeddingBank | None,
    *,
    batch_size: int,
    seed: int,
    epochs: int,
    twice: bool,
) -> BatchPlan:
    """Return the sampler's plan of an epoch, checked; ``epochs`` is for samplers that ask for it.

    ``twice`` asks a second time and compares: a plan that depends on anything but its arguments
    can't be resumed. Raises ComponentError that names the sampler for a broken contract.
    """

    more = {"epochs": epochs} if asks_for(sampler.plan, "epochs") else {}

    def asked() -> BatchPlan:
        with blaming(sampler, "plan()", patience_s=60):
            plan = sampler.plan(epoch, pairs, bank, batch_size=batch_size, seed=seed, **more)
        check_plan(plan, sampler, pairs, batch_size)
        return plan

    plan = asked()
    if twice and not np.array_equal(plan.batches, asked().batches):
        raise maker_of(sampler).broke(
            f"two calls of plan({epoch}, ...) with the same arguments gave different batches",
            "Draw from np.random.default_rng([seed, epoch]) alone; a resumed run must go on with "
            "the same plan.",
        )
    return plan


def prepared(
    ranks: Ranks, sampler: Sampler, epoch: int, pairs: PairTable, bank: EmbeddingBank | None
) -> None:
    """Let a sampler that has ``prepare`` search in shares, one a rank."""
    prepare = getattr(sampler, "prepare", None)
    if ranks.is_alone or prepare is None:
        return
    with blaming(sampler, "prepare()"):
        prepare(epoch, pairs, bank, ranks.rows_to_first)


def planned_by_first(ranks: Ranks, plan: Callable[[], BatchPlan]) -> BatchPlan:
    """Return the plan that the first rank made, on all."""
    if ranks.is_alone:
        return plan()
    own: list[BatchPlan] = []

    def made() -> dict[str, Any]:
        own.append(plan())
        return {"epoch": own[0].epoch, "seed": own[0].seed, "sampler": own[0].sampler}

    facts = ranks.once(made)
    batches = ranks.from_first(own[0].batches if own else None)
    return own[0] if own else BatchPlan(batches, **facts)


def check_plan(plan: object, sampler: Sampler, pairs: PairTable, batch_size: int) -> None:
    """Raise ComponentError, or TrainingError for no batch, unless a plan is what it must be.

    Rows of the pair table, int64[S, batch_size], no pair twice in an epoch, and no reference
    twice in a batch unless the sampler has ``repeats_references``, since it would be its own
    negative.
    """
    maker = maker_of(sampler)
    if not isinstance(plan, BatchPlan) or not isinstance(plan.batches, np.ndarray):
        held = plan.batches if isinstance(plan, BatchPlan) else plan
        raise maker.broke(
            f"plan() returned {type(held).__name__}, wanted a BatchPlan of an array int64[S, B]",
            "Return georet.types.BatchPlan(batches, epoch, seed, name).",
        )
    batches = plan.batches
    if batches.ndim == 2 and not len(batches):
        raise TrainingError("the sampler planned no batch", where=f"epoch {plan.epoch}, {maker}")
    if batches.dtype != np.int64 or batches.ndim != 2 or batches.shape[1] != batch_size:
        raise maker.broke(
            f"plan() returned {batches.dtype}{list(batches.shape)}, wanted int64[S, {batch_size}]",
            "Give full batches only.",
        )
    least, most = int(batches.min()), int(batches.max())
    if least < 0 or most >= len(pairs):
        raise maker.broke(
            f"the plan holds rows {least} to {most}, there are pairs 0 to {len(pairs) - 1}",
            "They are rows of the pair table.",
        )
    num_twice = batches.size - len(np.unique(batches))
    if num_twice:
        raise maker.broke(
            f"the plan holds {num_twice} pairs twice", "Each pair comes once an epoch, or not."
        )
    if getattr(sampler, "repeats_references", False):
        return
    references = np.sort(pairs.pairs[batches, 1], axis=1)
    is_twice = (references[:, 1:] == references[:, :-1]).any(axis=1)
    if is_twice.any():
        raise maker.broke(
            f"{int(is_twice.sum())} of {len(batches)} batches hold a reference twice, the first is "
            f"batch {int(np.flatnonzero(is_twice)[0])}",
            "Keep pairs of one reference in different batches, or give the sampler the attribute "
            "repeats_references = True if the losses can bear it.",
        )


def digest(plan: BatchPlan) -> str:
    """Return the SHA-256 of the plan's batches, by which a resume knows its plan again."""
    return hashlib.sha256(np.ascontiguousarray(plan.batches).tobytes()).hexdigest()
