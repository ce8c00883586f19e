"""The gate: what each precision allows, and what it doesn't."""

from __future__ import annotations

import math

import pytest

from georet_export.fidelity.gate import MAX_LOSS, decide


@pytest.mark.parametrize(
    ("precision", "cosine", "change", "passed"),
    [
        ("fp32", 1 - 9e-6, 0.0, True),
        ("fp32", 1 - 2e-5, 0.0, False),
        ("fp32", 1.0, -5.0, True),
        ("fp16", 0.9996, 0.0, True),
        ("fp16", 0.9995, 0.0, False),
        ("int8", 0.9, -0.5, True),
        ("int8", 0.9, -0.51, False),
        ("int8", 0.9, 1.0, True),
        ("fp32", math.nan, 0.0, False),
        ("fp16", math.nan, 0.0, False),
        ("int8", 1.0, math.nan, False),
    ],
)
def test_each_precision_has_its_own_rule(precision, cosine, change, passed):
    assert decide(precision, cosine_min=cosine, recall_change=change).passed is passed


def test_the_loss_that_int8_may_make_can_be_stated():
    assert decide("int8", cosine_min=0.9, recall_change=-1.0, max_loss=1.0).passed
    assert not decide("int8", cosine_min=0.9, recall_change=-0.1, max_loss=0).passed


def test_a_verdict_says_rule_and_finding():
    verdict = decide("int8", cosine_min=0.9, recall_change=-0.7)
    assert verdict.as_json() == {
        "passed": False,
        "rule": f"int8: recall@1 loses at most {MAX_LOSS:g} points",
        "found": "recall@1 -0.70 points",
    }
    assert decide("fp32", cosine_min=1 - 3e-3, recall_change=0).found == "the least is 1 - 3.0e-03"
