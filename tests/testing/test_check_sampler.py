from itertools import count

import numpy as np
import pytest

from georet.testing import check_sampler
from georet.testing.synthetic import made_up_bank, made_up_pairs
from georet.types import BatchPlan


class Sound:
    """Visits places in a random order, all their first queries before all their second ones."""

    wish = None

    def wants_bank(self, epoch):
        return self.wish if epoch else None

    def batches(self, rng, epoch, pairs, bank, batch_size):
        num_places = len(pairs.references) // batch_size * batch_size
        places = rng.permutation(len(pairs.references))[:num_places]
        return np.concatenate([2 * places, 2 * places + 1]).reshape(-1, batch_size)

    def plan(self, epoch, pairs, bank, *, batch_size, seed):
        rng = np.random.default_rng([seed, epoch])
        batches = self.batches(rng, epoch, pairs, bank, batch_size)
        return BatchPlan(batches, epoch, seed, "sound")


def broken(change=None, **attributes):
    """A sampler with its batches changed."""

    class Broken(Sound):
        def batches(self, rng, epoch, pairs, bank, batch_size):
            sound = super().batches(rng, epoch, pairs, bank, batch_size)
            return sound if change is None else change(sound, pairs, bank)

    return type("Broken", (Broken,), attributes)()


@pytest.mark.parametrize("wish", [None, "mine", "keep", "incremental"])
def test_a_sound_sampler_passes(wish):
    check_sampler(broken(wish=wish))
    check_sampler(broken(wish=wish), batch_size=4, num_epochs=2)


def test_references_may_meet_when_that_is_said():
    def neighbours(sound, pairs, bank):
        order = np.sort(sound.ravel())
        return np.roll(order, sound[0, 0]).reshape(sound.shape)

    sampler = broken(neighbours)
    check_sampler(sampler, keeps_references_apart=False)
    with pytest.raises(AssertionError, match="reference stands twice"):
        check_sampler(sampler)


def pair_twice(sound, pairs, bank):
    sound[1] = sound[0]
    return sound


def sorts_pairs(sound, pairs, bank):
    pairs.pairs[:] = pairs.pairs[::-1].copy()
    return sound


def writes_bank(sound, pairs, bank):
    if bank is not None:
        bank.query[0] = 0
    return sound


CALLS = count()

BROKEN = {
    "wants_bank": broken(wish="fresh"),
    "int32": broken(lambda sound, pairs, bank: sound.astype(np.int32)),
    "full batches": broken(lambda sound, pairs, bank: sound[:, :-1]),
    r"shape \(0, 8\)": broken(lambda sound, pairs, bank: sound[:0]),
    "there are 192 pairs": broken(lambda sound, pairs, bank: sound + 1),
    "pairs twice": broken(pair_twice),
    "changes the pairs": broken(sorts_pairs),
    "the bank": broken(writes_bank, wish="mine"),
    "the second time": broken(lambda sound, pairs, bank: np.roll(sound, next(CALLS), axis=0)),
    "seeds 5 and 6": broken(
        batches=lambda self, rng, epoch, *rest: Sound().batches(
            np.random.default_rng(epoch), epoch, *rest
        )
    ),
    "epochs 0 and 1": broken(
        plan=lambda self, epoch, pairs, bank, *, batch_size, seed: BatchPlan(
            Sound().plan(0, pairs, bank, batch_size=batch_size, seed=seed).batches, epoch, seed, ""
        )
    ),
    "returned a ndarray": broken(
        plan=lambda self, epoch, pairs, bank, *, batch_size, seed: np.zeros((1, 8), np.int64)
    ),
    "says epoch 0": broken(
        plan=lambda self, epoch, pairs, bank, *, batch_size, seed: BatchPlan(
            Sound().plan(epoch, pairs, bank, batch_size=batch_size, seed=seed).batches, 0, seed, ""
        )
    ),
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_broken_sampler_fails_with_the_reason(words):
    with pytest.raises(AssertionError, match=words):
        check_sampler(BROKEN[words])


def test_the_made_up_bank_puts_queries_near_their_references():
    pairs = made_up_pairs(20, queries_per_place=2)
    bank = made_up_bank(pairs, 3)
    nearest = (bank.query @ bank.reference.T).argmax(axis=1)
    assert (nearest == pairs.pairs[:, 1]).mean() > 0.9
    assert np.allclose(np.linalg.norm(bank.query, axis=1), 1, atol=1e-6)
