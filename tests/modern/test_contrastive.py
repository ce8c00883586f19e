"""The loss whose parts the study changes: values by hand, gradients, and what it remembers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from georet.testing import check_loss
from georet.testing.synthetic import batch_of, made_up_pairs
from georet.types import EmbeddedBatch, PairTable
from georet_modern.contrastive import Contrastive
from georet_sample4geo.info_nce import InfoNCE

EYE = torch.eye(4)


def embedded(query, reference, *, scale=2.0, pairs=None, table=None, progress=1.0):
    table = table or made_up_pairs(8)
    rows = np.arange(len(query)) if pairs is None else np.array(pairs)
    batch = batch_of(table, rows)
    batch.progress = progress
    features = {"query": query, "reference": reference}
    return EmbeddedBatch(features, features, torch.as_tensor(scale), batch)


def drawn(seed, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    some = torch.randn(4, 6, generator=generator, dtype=dtype)
    return torch.nn.functional.normalize(some, dim=1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_as_it_stands_it_is_info_nce(smoothing):
    batch = embedded(drawn(1), drawn(2))
    own = Contrastive(label_smoothing=smoothing)(batch)
    assert own.item() == pytest.approx(InfoNCE(label_smoothing=smoothing)(batch).item(), rel=1e-6)


def test_decoupled_the_positive_is_not_among_what_it_is_compared_with():
    # Logits are 2 on the diagonal and 0 beside it: the sum is exp(0) alone, its logarithm 0.
    batch = embedded(EYE[:2], EYE[:2])
    found = Contrastive(label_smoothing=0, decoupled=True)(batch)
    assert found.item() == pytest.approx(-2)


@pytest.mark.parametrize(
    ("sides", "by_hand"),
    [
        # Both queries lie at the first reference: rows are [2, 0], [2, 0]; columns [2, 2], [0, 0]
        ("queries", (math.log(math.e**2 + 1) - 2 + math.log(math.e**2 + 1)) / 2),
        ("references", math.log(2)),
        ("both", (math.log(math.e**2 + 1) - 1 + math.log(2)) / 2),
    ],
)
def test_one_side_asks_or_both(sides, by_hand):
    batch = embedded(EYE[[0, 0]], EYE[:2])
    found = Contrastive(label_smoothing=0, sides=sides)(batch)
    assert found.item() == pytest.approx(by_hand, rel=1e-6)


def test_the_factor_goes_from_first_to_last_whatever_was_learnt():
    batch = embedded(drawn(1), drawn(2), scale=70.0, progress=0.5)
    found = Contrastive(logit_scale=(4, 16))(batch)
    wanted = InfoNCE()(embedded(drawn(1), drawn(2), scale=8.0))
    assert found.item() == pytest.approx(wanted.item(), rel=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"decoupled": True, "label_smoothing": 0.0},
        {"sides": "queries"},
        {"logit_scale": (4.0, 16.0)},
        {"memory": 6},
    ],
)
def test_gradients_are_those_of_finite_differences(options):
    loss = Contrastive(**options)
    loss.double().prepare(6, made_up_pairs(8))
    loss.double()(embedded(drawn(5, torch.float64), drawn(6, torch.float64), pairs=[4, 5, 6, 7]))
    loss.eval()  # what is remembered stays while differences are taken
    assert not options.get("memory") or loss.places.tolist() == [4, 5, 6, 7, -1, -1]

    def value(query, reference):
        return loss(embedded(query, reference))

    query, reference = (drawn(seed, torch.float64).requires_grad_() for seed in (1, 2))
    assert torch.autograd.gradcheck(value, (query, reference))


@pytest.mark.parametrize("options", [{"decoupled": True}, {"memory": 4, "memory_from": 0.0}])
def test_it_keeps_the_contract_of_losses(options):
    check_loss(Contrastive(**options))


def remembering(**options):
    loss = Contrastive(label_smoothing=0, memory=2, memory_from=0.5, **options)
    loss.prepare(4, made_up_pairs(8))
    loss(embedded(EYE[:2], EYE[:2], pairs=[0, 1], progress=0.1))
    return loss


def test_pairs_of_the_step_before_are_negatives_of_this_one():
    loss = remembering()
    found = loss(embedded(EYE[2:], EYE[2:], pairs=[2, 3]))
    # A row has 2 for its own, 0 for the other one, and 0 for the two remembered.
    assert found.item() == pytest.approx(math.log(math.e**2 + 3) - 2, rel=1e-6)
    # The newest took the place of the oldest.
    assert loss.places.tolist() == [2, 3]
    assert torch.equal(loss.queries, EYE[2:])


def test_too_early_nothing_is_compared_with_the_memory():
    found = remembering()(embedded(EYE[2:], EYE[2:], pairs=[2, 3], progress=0.4))
    assert found.item() == pytest.approx(math.log(math.e**2 + 1) - 2, rel=1e-6)


def test_what_shows_the_place_is_no_negative_though_it_is_remembered():
    # Pair 0 comes again, with pair 2; of the memory only place 1 is another place for pair 0.
    semi = np.full((8, 1), -1)
    semi[2] = 1
    plain = made_up_pairs(8)
    table = PairTable(plain.views, plain.pairs, semi)
    found = remembering()(embedded(EYE[[0, 2]], EYE[[0, 2]], pairs=[0, 2], table=table))
    of_0, of_2 = (math.log(math.e**2 + 1 + num) - 2 for num in (1, 1))
    assert found.item() == pytest.approx((of_0 + of_2) / 2, rel=1e-6)


def test_a_step_that_is_skipped_leaves_the_memory_as_it_was():
    loss = remembering()
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    loss(embedded(EYE[2:] * math.nan, EYE[2:], pairs=[2, 3]))
    assert all(torch.equal(before[name], value) for name, value in loss.state_dict().items())


def test_a_run_that_goes_on_remembers_what_the_checkpoint_held():
    loss = remembering()
    again = Contrastive(label_smoothing=0, memory=2, memory_from=0.5)
    again.prepare(4, made_up_pairs(8))
    again.load_state_dict(loss.state_dict())
    batch = embedded(drawn(3)[:2, :4], drawn(4)[:2, :4], pairs=[2, 3])
    assert loss(batch).item() == again(batch).item()
