import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from georet.errors import ConfigError, DataError
from georet.testing import check_loss
from georet.types import Batch, EmbeddedBatch, ImageTable, PairTable
from georet_sample4geo.info_nce import InfoNCE

DATA_DIR = Path(__file__).parents[1] / "data"


def table_of(latlon=None, semi_positives=None, pairs=None):
    """Four pairs whose references stand at ``latlon``."""
    names = list("abcd")
    queries = ImageTable([f"q{n}" for n in names], [Path(n) for n in names])
    references = ImageTable(names, [Path(n) for n in names], latlon)
    pairs = np.stack([np.arange(4), np.arange(4)], axis=1) if pairs is None else np.array(pairs)
    return PairTable({"query": queries, "reference": references}, pairs, semi_positives)


def embedded(query, reference, scale, table=None):
    table = table or table_of()
    pairs = np.arange(len(query)) % len(table)
    rows = {"query": table.pairs[pairs, 0], "reference": table.pairs[pairs, 1]}
    batch = Batch({}, pairs, rows, table, epoch=0, step=0)
    features = {"query": query, "reference": reference}
    unit = {view: F.normalize(f, dim=-1, eps=1e-12) for view, f in features.items()}
    return EmbeddedBatch(unit, features, torch.as_tensor(scale), batch)


def random_batch(table=None, num=4, scale=5.0):
    generator = torch.Generator().manual_seed(3)
    query, reference = (
        torch.randn(num, 6, generator=generator, requires_grad=True) for _ in range(2)
    )
    return embedded(query, reference, scale, table)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_value_and_gradients_are_those_of_the_reference_implementation(smoothing):
    arrays = np.load(DATA_DIR / "goldens-7.npz")
    wanted = json.loads((DATA_DIR / "goldens-7.json").read_text())[f"infonce_{smoothing}"]
    query = torch.tensor(arrays["nce_query"], requires_grad=True)
    reference = torch.tensor(arrays["nce_reference"], requires_grad=True)
    log_scale = torch.tensor(arrays["nce_log_scale"], requires_grad=True)
    loss = InfoNCE(label_smoothing=smoothing)(embedded(query, reference, log_scale.exp()))
    loss.backward()
    found = {
        "loss": loss.item(),
        "grad_query_norm": query.grad.norm().item(),
        "grad_reference_norm": reference.grad.norm().item(),
        "grad_log_scale": log_scale.grad.item(),
    }
    assert found == pytest.approx(wanted, rel=1e-5)


def test_two_orthogonal_pairs_give_the_loss_computed_by_hand():
    # logits are 2 on the diagonal and 0 beside it, in rows as in columns
    eye = torch.eye(2)
    log_of_sum = math.log(math.exp(2) + 1)
    plain = InfoNCE(label_smoothing=0.0)(embedded(eye, eye, 2.0))
    smoothed = InfoNCE(label_smoothing=0.2)(embedded(eye, eye, 2.0))
    assert plain.item() == pytest.approx(log_of_sum - 2, rel=1e-6)
    # a tenth of the target lies on the other reference: 0.9 * 2 + 0.1 * 0
    assert smoothed.item() == pytest.approx(log_of_sum - 1.8, rel=1e-6)


def test_rows_and_columns_count_alike():
    query = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    reference = torch.eye(2)
    # rows: logits (3, 0) twice; columns: (3, 3) and (0, 0)
    log_of_sum = math.log(math.exp(3) + 1)
    rows = (log_of_sum - 3 + log_of_sum) / 2
    loss = InfoNCE(label_smoothing=0.0)(embedded(query, reference, 3.0))
    assert loss.item() == pytest.approx((rows + math.log(2)) / 2, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_an_ignored_reference_is_missing_from_the_denominators(smoothing):
    # reference b is a semi-positive of query a: the pair (a, b) is left out, (b, a) is not
    semi_positives = np.array([[1], [-1], [-1], [-1]])
    batch = random_batch(table_of(semi_positives=semi_positives))
    loss = InfoNCE(label_smoothing=smoothing, ignore_semi_positives=True)(batch)
    logits = (5 * batch.query @ batch.reference.T).detach().double()

    def cross_entropy(values, target):
        log_p = values - values.logsumexp(0)
        return -((1 - smoothing) * log_p[target] + smoothing * log_p.mean())

    row_of_a = cross_entropy(logits[0, [0, 2, 3]], 0)
    column_of_b = cross_entropy(logits[[1, 2, 3], 1], 0)
    rows = [row_of_a] + [cross_entropy(logits[i], i) for i in (1, 2, 3)]
    columns = [column_of_b] + [cross_entropy(logits[:, i], i) for i in (0, 2, 3)]
    assert loss.item() == pytest.approx(float(sum(rows + columns)) / 8, rel=1e-5)


def test_masked_logits_keep_loss_and_gradients_finite_under_label_smoothing():
    batch = random_batch(table_of(semi_positives=np.array([[1, 2], [0, 3], [0, -1], [2, 1]])))
    loss = InfoNCE(label_smoothing=0.1, ignore_semi_positives=True)(batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(f.grad).all() for f in batch.features.values())


def test_a_batch_of_which_every_negative_is_ignored_costs_nothing():
    everyone = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
    batch = random_batch(table_of(semi_positives=everyone))
    loss = InfoNCE(ignore_semi_positives=True)(batch)
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(batch.features["query"].grad).all()


def test_two_queries_of_one_reference_are_no_negatives_of_each_other():
    table = table_of(pairs=[[0, 0], [1, 0], [2, 1], [3, 2]])
    batch = random_batch(table)
    masked = InfoNCE(label_smoothing=0.0, ignore_semi_positives=True)(batch)
    assert masked < InfoNCE(label_smoothing=0.0)(batch)


def test_only_references_within_the_radius_are_ignored():
    # a and b are 11 m apart, c is 1.1 km away, d on another continent
    latlon = np.array([[50.0, 8.0], [50.0001, 8.0], [50.01, 8.0], [-20.0, 30.0]])
    batch = random_batch(table_of(latlon))
    near = InfoNCE(ignore_within_m=25.0)(batch)
    same = InfoNCE(ignore_semi_positives=True)(
        random_batch(table_of(semi_positives=np.array([[1], [0], [-1], [-1]])))
    )
    assert near.item() == pytest.approx(same.item(), rel=1e-6)
    assert InfoNCE(ignore_within_m=5.0)(batch).item() == pytest.approx(InfoNCE()(batch).item())


def test_a_radius_without_coordinates_is_an_error_that_says_so():
    with pytest.raises(DataError, match="needs coordinates") as raised:
        InfoNCE(ignore_within_m=25.0)(random_batch())
    assert raised.value.hint


def test_the_scale_is_clamped_and_then_gets_no_gradient():
    batch, limit = random_batch(scale=250.0), random_batch(scale=100.0)
    batch.logit_scale.requires_grad_()
    loss = InfoNCE(max_logit_scale=100.0)(batch)
    loss.backward()
    assert loss.item() == pytest.approx(InfoNCE()(limit).item())
    assert batch.logit_scale.grad == 0


def test_the_loss_is_computed_in_float32_under_autocast():
    batch = random_batch()
    wanted = InfoNCE()(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = InfoNCE()(batch)
    assert found.dtype == torch.float32
    assert found.item() == wanted.item()


def test_the_loss_of_bf16_features_is_float32():
    batch = random_batch()
    batch.embeddings = {view: e.bfloat16() for view, e in batch.embeddings.items()}
    assert InfoNCE()(batch).dtype == torch.float32


@pytest.mark.parametrize(
    "options", [{"label_smoothing": 1.0}, {"label_smoothing": -0.1}, {"max_logit_scale": 0.0}]
)
def test_an_impossible_option_is_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        InfoNCE(**options)


@pytest.mark.parametrize(
    "options",
    [{}, {"max_logit_scale": 100.0}, {"ignore_semi_positives": True, "ignore_within_m": 25.0}],
)
def test_info_nce_keeps_the_contract_of_losses(options):
    check_loss(InfoNCE(**options))
