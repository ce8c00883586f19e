import numpy as np
import pytest
import torch

from georet.testing import check_loss
from georet.testing.synthetic import made_up_pairs
from georet.types import PairTable


def contrast(embedded):
    logits = embedded.logit_scale * embedded.query @ embedded.reference.T
    return torch.nn.functional.cross_entropy(logits, torch.arange(len(logits)))


def test_a_sound_loss_passes():
    check_loss(contrast)
    check_loss(contrast, embed_dim=4, batch_size=3)


def test_a_loss_may_prepare_parameters_of_its_own():
    class WithHead(torch.nn.Module):
        def prepare(self, embed_dim, pairs):
            self.head = torch.nn.Linear(embed_dim, 1)

        def forward(self, embedded):
            return contrast(embedded) + self.head(embedded.query).square().mean()

    check_loss(WithHead())


def test_an_auxiliary_loss_of_one_view_passes_when_that_is_said():
    def yaw(embedded):
        wanted = torch.from_numpy(embedded.batch.column("yaw_rad")).float()
        return (embedded.features["query"][:, 0] - wanted).square().mean()

    table = made_up_pairs(8)
    table = PairTable(table.views, table.pairs, columns={"yaw_rad": np.linspace(-1, 1, 8)})
    check_loss(yaw, pairs=table, views=["query"], rewards_alignment=False)
    with pytest.raises(AssertionError, match="no gradient reaches the reference"):
        check_loss(yaw, pairs=table, rewards_alignment=False)


def in_place(embedded):
    value = contrast(embedded)
    embedded.embeddings["query"].detach().mul_(2)
    return value


def weighted_by_position(embedded):
    cosine = (embedded.query * embedded.reference).sum(dim=1)
    return -(cosine * torch.arange(len(cosine))).sum()


BROKEN = {
    "returned a float": lambda e: contrast(e).item(),
    r"shape \(8,\)": lambda e: -(e.query * e.reference).sum(dim=1),
    "float64": lambda e: contrast(e).double(),
    "the loss is inf": lambda e: contrast(e) - torch.tensor(0.0).log(),
    "not differentiable": lambda e: contrast(e).detach(),
    "no gradient reaches the query": lambda e: e.reference.square().sum() - e.reference.sum(),
    "changes the embeddings": in_place,
    "order of the pairs": weighted_by_position,
    "gradient to the query embeddings is not finite": lambda e: (
        contrast(e) + (e.query - e.query.detach()).square().sum(dim=1).sqrt().sum()
    ),
    "sign": lambda e: -contrast(e),
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_broken_loss_fails_with_the_reason(words):
    with pytest.raises(AssertionError, match=words):
        check_loss(BROKEN[words])
