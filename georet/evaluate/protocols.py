"""The evaluation protocols of the field, each under its own name: what is counted, and how.

Figures under different ids are not comparable; a result is never shown without its id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from georet.blame import UNKNOWN, blaming, maker_of
from georet.contracts.training import Metric
from georet.errors import DataError, UsageError
from georet.evaluate.metrics import (
    PercentRule,
    average_precision,
    distances,
    hit_rate,
    limits_of_scale,
    recall_at,
    recall_at_percent,
    sdm,
)
from georet.suggest import hint_for
from georet.types import Doubles, EvaluationProtocol, Ranking

TIE_RULE: Final = "rank = number of references with a greater cosine (fp32): ties count as found"
SHORT_M: Final = (1.0, 5.0, 25.0, 50.0, 100.0, 1000.0)
LONG_M: Final = (200e3, 500e3)
RECALL_DEPTHS: Final = (1, 5, 10)
SDM_DEPTHS: Final = (1, 3, 5, 10)


@dataclass(frozen=True)
class Protocol:
    """How a data set's results are counted.

    ``percent_rule`` (None: no recall at all) is how many references make one percent.
    ``limits_m``: shares of queries within these distances, with median and 90th percentile, are
    added wherever coordinates exist; None: distances that fit the spacing of the references.
    ``radius_m``: the positives are all references that near.
    """

    id: str
    text: str
    metrics: tuple[Metric, ...] = ()
    percent_rule: PercentRule | None = None
    tie_rule: str = TIE_RULE
    num_top: int = 1
    """How many of the best references the metrics look at."""
    needs_positives: bool = True
    needs_latlon: bool = False
    radius_m: float | None = None
    limits_m: tuple[float, ...] | None = SHORT_M

    def evaluate(self, ranking: Ranking) -> dict[str, float]:
        """Return the protocol's metrics; UsageError where it needs coordinates and has none."""
        if self.needs_latlon:
            both_latlon(self, ranking.query_latlon, ranking.reference_latlon)
        if ranking.top.shape[1] < self.num_top:
            raise DataError(
                f"the ranking keeps {ranking.top.shape[1]} references a query, protocol "
                f"{self.id!r} looks at {self.num_top}",
                hint=f"Rank with top_k={self.num_top} or more.",
            )
        found: dict[str, float] = {}
        if self.percent_rule is not None:
            found |= {f"recall@{k}": recall_at(ranking, k) for k in RECALL_DEPTHS}
            found["recall@1%"] = recall_at_percent(ranking, self.percent_rule)
        for metric in self.metrics:
            found |= metric(ranking)
        if ranking.query_latlon is not None and ranking.reference_latlon is not None:
            limits_m = self.limits_m or limits_of_scale(ranking.reference_latlon) or SHORT_M
            found |= distances(ranking, limits_m)
        return found

    def describe(self, ranking: Ranking) -> dict[str, Any]:
        """Return what every result carries, as JSON values: id, rules and counts."""
        rules = {"text": self.text, "tie_rule": self.tie_rule, "percent_rule": self.percent_rule}
        return {"protocol": self.id, **rules, **_counts(ranking)}


def described(protocol: str | EvaluationProtocol, ranking: Ranking) -> dict[str, Any]:
    """Return what every result carries, as JSON values: id, rules and counts.

    A plugin's protocol goes by ``plugin:name``, so that no figure passes for another's.
    """
    rules = protocol_of(protocol)
    maker = maker_of(rules)
    is_own = maker is UNKNOWN or PROTOCOLS.get(rules.id) is rules
    unsaid = {"text": "", "tie_rule": TIE_RULE, "percent_rule": None}
    name = rules.id if is_own else maker.id
    with blaming(rules, "describe()"):
        said = dict(rules.describe(ranking))
    return {"protocol": name} | unsaid | _counts(ranking) | said | {"protocol": name}


def _counts(ranking: Ranking) -> dict[str, Any]:
    return {
        "num_queries": ranking.num_queries,
        "num_without_match": int((ranking.rank < 0).sum()),
        "num_references": ranking.num_references,
    }


def both_latlon(
    rules: EvaluationProtocol, query_latlon: Doubles | None, reference_latlon: Doubles | None
) -> tuple[Doubles, Doubles]:
    """Return both sides' coordinates; UsageError that names the protocol where one is missing."""
    if query_latlon is not None and reference_latlon is not None:
        return query_latlon, reference_latlon
    given = {"query_latlon": query_latlon, "reference_latlon": reference_latlon}
    missing = [name for name, latlon in given.items() if latlon is None]
    raise UsageError(
        f"protocol {rules.id!r} needs coordinates; missing: {', '.join(missing)}",
        hint="Pass latitude, longitude in degrees, float[N, 2].",
    )


def protocol_of(name: str | EvaluationProtocol) -> EvaluationProtocol:
    """Return one of georet's protocols by its id or an alias; one that is made already as it is.

    UsageError, with a suggestion, for an unknown name. Plugins' names are resolved where plugins
    are known: ``georet.train.setup.protocol_named``.
    """
    if not isinstance(name, str):
        return name
    found = PROTOCOLS.get(ALIASES.get(name, name))
    if found is None:
        raise UsageError(
            f"unknown protocol {name!r}",
            where="protocol",
            hint=hint_for(name, [*PROTOCOLS, *ALIASES], "protocols"),
        )
    return found


def _hits(ranking: Ranking) -> dict[str, float]:
    return {"hit_rate": hit_rate(ranking)}


def _precision(ranking: Ranking) -> dict[str, float]:
    return {"ap": average_precision(ranking)}


def _sdm_degrees(ranking: Ranking) -> dict[str, float]:
    return {f"sdm@{k}": sdm(ranking, k, unit="degrees", decay=5e3) for k in SDM_DEPTHS}


def _sdm_metres(ranking: Ranking) -> dict[str, float]:
    return {f"sdm@{k}": sdm(ranking, k, unit="metres", decay=1e-3) for k in SDM_DEPTHS}


def _sample4geo(name: str, text: str, *metrics: Metric) -> Protocol:
    return Protocol(f"{name}/sample4geo", text, metrics, percent_rule="floor(R/100)")


def _next_percent(name: str, text: str, *metrics: Metric) -> Protocol:
    return Protocol(name, f"{text}; R@1% as SAFA, VIGOR, GeoDTR", metrics, "floor(0.01R)+1")


def _university(direction: str, text: str) -> Protocol:
    name = f"university-1652/{direction}"
    return Protocol(name, f"{text}; junk removed", (_precision,), "round(0.01R)+1")


_CVUSA = "ground panorama to tile, one positive"
_CVACT = "ground panorama to tile, validation set, one positive"
_VIGOR_SAME = "all tiles of four cities, seen in training; semi-positives count against recall"
_VIGOR_CROSS = "all tiles of two unseen cities; semi-positives count against recall"

_ALL: Final = (
    _sample4geo("cvusa", _CVUSA),
    _next_percent("cvusa/safa", _CVUSA),
    _sample4geo("cvact-val", _CVACT),
    _next_percent("cvact-val/safa", _CVACT),
    Protocol(
        "cvact-test/id",
        "only the query's own tile is right, as Sample4Geo and its followers count",
        percent_rule="floor(R/100)",
    ),
    Protocol(
        "cvact-test/geo5m",
        "every tile within 5 m is right, the original definition; not comparable with /id",
        percent_rule="floor(R/100)",
        needs_positives=False,
        needs_latlon=True,
        radius_m=5.0,
    ),
    _sample4geo("vigor-same", _VIGOR_SAME, _hits),
    _next_percent("vigor-same/vigor", _VIGOR_SAME, _hits),
    _sample4geo("vigor-cross", _VIGOR_CROSS, _hits),
    _next_percent("vigor-cross/vigor", _VIGOR_CROSS, _hits),
    _university("d2s", "drone to satellite"),
    _university("s2d", "satellite to drone"),
    _university("multi", "mean embedding of a building's drone images to satellite"),
    Protocol(
        "sdm/denseuav",
        "SDM with Euclidean distance in degrees, decay 5e3",
        (_sdm_degrees,),
        percent_rule="floor(R/100)",
        num_top=max(SDM_DEPTHS),
        needs_latlon=True,
    ),
    Protocol(
        "sdm/gta-uav",
        "SDM with distance in metres, decay 1e-3",
        (_sdm_metres,),
        percent_rule="floor(R/100)",
        num_top=max(SDM_DEPTHS),
        needs_latlon=True,
    ),
    Protocol(
        "recall", "recall of the positive, for data of one's own", percent_rule="floor(R/100)"
    ),
    Protocol(
        "recall/scaled",
        "recall of the positive; shares within distances that fit the spacing of the references",
        percent_rule="floor(R/100)",
        limits_m=None,
    ),
    Protocol(
        "metres",
        "great-circle error of the best reference; positives are not asked",
        needs_positives=False,
        needs_latlon=True,
    ),
    Protocol(
        "orbitview",
        "photo from orbit to nadir tile, one positive; errors of hundreds of kilometres",
        percent_rule="floor(R/100)",
        limits_m=LONG_M,
    ),
)


def _factory(protocol: Protocol) -> Callable[[], Protocol]:
    def make() -> Protocol:
        return protocol

    # What `georet plugins show` says of it.
    make.__doc__ = f"{protocol.text[:1].upper()}{protocol.text[1:]}."
    return make


PROTOCOLS: Final[Mapping[str, Protocol]] = {p.id: p for p in _ALL}
ALIASES: Final[Mapping[str, str]] = {
    name: f"{name}/sample4geo" for name in ("cvusa", "cvact-val", "vigor-same", "vigor-cross")
}
FACTORIES: Final = SimpleNamespace(**{name: _factory(p) for name, p in PROTOCOLS.items()})
"""Each protocol by its id, as the plugin ``core`` declares it."""
