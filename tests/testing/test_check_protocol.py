"""``check_protocol`` passes what keeps the contract, and says what is wrong with the rest."""

from __future__ import annotations

import numpy as np
import pytest

from georet.evaluate import PROTOCOLS, Protocol
from georet.testing import check_protocol


@pytest.mark.parametrize("name", PROTOCOLS)
def test_georets_own_keep_the_contract(name):
    check_protocol(PROTOCOLS[name])


def by_altitude(ranking):
    if ranking.queries is None:
        return {}
    altitude = ranking.queries.altitude_m
    return {"low@1": 100 * float((ranking.rank[altitude < np.median(altitude)] == 0).mean())}


def test_one_that_looks_at_columns_where_there_are_some_passes():
    check_protocol(Protocol("split", "by altitude", (by_altitude,), "floor(R/100)"))


def columns(ranking):
    return {"high": float(ranking.queries.altitude_m.max())}


def spoils(ranking):
    ranking.rank[:] = 0
    return {"all": 100.0}


count = iter(range(1000))


class Wordy(Protocol):
    def describe(self, ranking):
        return {"text": {"a", "set"}}


@pytest.mark.parametrize(
    ("protocol", "error", "said"),
    [
        (Protocol("mine:one", "", percent_rule="floor(R/100)"), AssertionError, "without a colon"),
        (Protocol("one", "", num_top=0), AssertionError, "num_top is 0"),
        (Protocol("one", "", (columns,)), AttributeError, "altitude_m"),
        (Protocol("one", "", (spoils,)), AssertionError, "changes the ranking"),
        (Protocol("one", "", (lambda r: {"n": next(count)},)), AssertionError, "figures differ"),
        (Protocol("one", "", (lambda r: {"n": np.nan},)), AssertionError, "'n' is nan"),
        (Wordy("one", "", percent_rule="floor(R/100)"), AssertionError, "be written as JSON"),
        (Protocol("one", "", limits_m=(5.0,)), AssertionError, r"evaluate\(\) returned {}"),
    ],
)
def test_what_breaks_the_contract_is_named(protocol, error, said):
    with pytest.raises(error, match=said):
        check_protocol(protocol)
