"""A checkpoint is not opened with another network than the one that was trained."""

from __future__ import annotations

import json

import pytest
import torch

from georet.config import ComponentSpec, EncoderConfig
from georet.encoder import build_encoder
from georet.encoder_facts import check_facts, facts_of
from georet.errors import ComponentError
from georet.testing import check_backbone
from georet.testing.tiny_backbone import TinyBackbone

SIZES = {"query": (32, 48), "reference": (32, 32)}


class Pooled(TinyBackbone):
    """Its options decide how it pools and normalises; both are in no weight."""

    def __init__(self, *, pool: str = "mean", shift: float = 0.5, silent: bool = False) -> None:
        super().__init__()
        self.pool, self.mean = pool, (shift,) * 3
        if silent:
            self.bare_options = {"pool": "mean", "shift": 0.5}

    def forward(self, images):
        maps = self.trunk(images)
        pooled = maps.amax(dim=(2, 3)) if self.pool == "max" else maps.mean(dim=(2, 3))
        return self.head(pooled)


def encoder(**options):
    config = EncoderConfig(backbone=ComponentSpec(name="pooled"))
    return build_encoder(
        config, lambda spec, where, views: Pooled(**options), views=["query", "reference"], seed=0
    )


def recorded(**options):
    return json.loads(json.dumps(facts_of(encoder(**options), SIZES)))


@pytest.mark.parametrize("options", [{}, {"pool": "max"}, {"shift": 0.1}])
def test_the_same_encoder_is_known_again(options):
    check_facts(encoder(**options), recorded(**options), "checkpoint")


@pytest.mark.parametrize(
    ("options", "text"),
    [({"shift": 0.4}, "mean was"), ({"pool": "max"}, "a test picture's embedding")],
)
def test_another_encoder_with_the_same_weights_is_refused(options, text):
    with pytest.raises(ComponentError, match=text) as caught:
        check_facts(encoder(**options), recorded(), "checkpoint")
    assert "bare_options" in str(caught.value.hint)


def test_other_weights_are_noticed_too():
    other = encoder()
    with torch.no_grad():
        next(other.branches["shared"].parameters()).mul_(-1)
    with pytest.raises(ComponentError, match="cosine"):
        check_facts(other, recorded(), "checkpoint")


def test_a_checkpoint_without_facts_opens():
    check_facts(encoder(), None, "checkpoint")


@pytest.mark.parametrize(
    ("options", "text"), [({"shift": 0.4}, "mean is"), ({"pool": "max"}, "the features differ")]
)
def test_bare_options_that_build_another_backbone_fail_the_check(options, text):
    torch.manual_seed(0)
    with pytest.raises(AssertionError, match=text):
        check_backbone(Pooled(**options, silent=True), make=Pooled)


def test_bare_options_that_build_the_same_backbone_pass():
    torch.manual_seed(0)
    check_backbone(Pooled(silent=True), make=Pooled)
