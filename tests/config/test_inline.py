"""Components on the command line, with their options."""

from __future__ import annotations

import pytest

from georet.configure.inline import spec_of
from georet.errors import UsageError


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("sift", "sift", {}),
        ("mine:sift", "mine:sift", {}),
        ("sift:ratio=0.8", "sift", {"ratio": 0.8}),
        ("mine:sift:ratio=0.8,is_fast=true", "mine:sift", {"ratio": 0.8, "is_fast": True}),
        ("sift:sides=[1, 2],word=a=b", "sift", {"sides": [1, 2], "word": "a=b"}),
        ("sift:url=http://here:80/x", "sift", {"url": "http://here:80/x"}),
        ("mine:sift?ratio=0.8&word=a,b", "mine:sift", {"ratio": 0.8, "word": "a,b"}),
        ("{name: mine:sift, ratio: 0.7}", "mine:sift", {"ratio": 0.7}),
    ],
)
def test_a_component_is_named_with_its_options(text, name, options):
    spec = spec_of(text, where="--rerank")
    assert (spec.name, spec.options) == (name, options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ratio=0.8", "--rerank NAME:ratio=0.8"),
        ("sift:=3", "'=3' is not key=value"),
        ("sift:a=1,b", "'b' is not key=value"),
        ("sift:a=[1", "is no YAML"),
        ("{ratio: 1}", "names no component"),
    ],
)
def test_what_names_none_says_what_to_type(text, said):
    with pytest.raises(UsageError) as caught:
        spec_of(text, where="--rerank")
    assert said in str(caught.value)
    assert "--rerank" in str(caught.value)
