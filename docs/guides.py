"""Tables of docs/train.md and docs/evaluate.md: recipes and protocols, from the code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from georet.evaluate.protocols import PROTOCOLS

ROOT = Path(__file__).parents[1]
CHOSEN = {
    "photos from orbit, no data needed": "sample4geo/orbitview",
    "your own `pairs.csv`": "sample4geo/own-data",
    "your own map, photos rendered from it": "ortho/own-map",
    "street panoramas, drawn cities, no data needed": "cityblocks/cityblocks",
    "CVUSA on one GPU of 12 GB": "sample4geo/cvusa-small",
    "VIGOR, other cities than trained on": "sample4geo/vigor-cross-small",
    "University-1652, drone photos": "sample4geo/university-1652-small",
}
"""What people come with, and the recipe to begin from."""


def with_recipes(page: str) -> str:
    """Return docs/train.md with the recipes to begin from."""
    return between(page, "the recipes", recipes())


def with_protocols(page: str) -> str:
    """Return docs/evaluate.md with what each protocol counts."""
    return between(page, "georet/evaluate/protocols.py", protocols())


def between(page: str, source: str, lines: Iterator[str]) -> str:
    """Return a page with fresh lines between its two marks; ValueError where they are not there."""
    begin, end = f"<!-- Generated from {source}. -->\n", f"<!-- Generated until here: {source}. -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"the page must have these lines once: {begin}{end}")
    head, _, rest = page.partition(begin)
    return "\n".join([f"{head}{begin}", *lines, "", f"{end}{rest.partition(end)[2]}"])


def recipes() -> Iterator[str]:
    """Yield a line for each recipe to begin from, with what it sets."""
    yield "| you have | recipe | encoder | images | batch | epochs |"
    yield "|---|---|---|---|---:|---:|"
    for case, name in CHOSEN.items():
        found = settings(name)
        train, backbone = found["train"], found["encoder"]["backbone"]
        chunk = f" ({train['chunk']} at a time)" if "chunk" in train else ""
        # As people say it: width first.
        sizes = [f"{width} x {height}" for height, width in found["data"]["size"].values()]
        cells = (
            case,
            f"`{name}`",
            backbone["model"],
            " and ".join(dict.fromkeys(sizes)),
            f"{train['batch_size']}{chunk}",
            str(train["epochs"]),
        )
        yield f"| {' | '.join(cells)} |"


def settings(name: str) -> dict[str, Any]:
    """Return what a recipe and those that it extends set, read from their files alone."""
    plugin, _, file = name.partition("/")
    path = ROOT / f"plugins/{plugin}/georet_{plugin}/recipes/{file}.yaml"
    own = yaml.safe_load(path.read_text(encoding="utf-8"))
    return laid(settings(own["extends"]), own) if "extends" in own else own


def laid(lower: Any, upper: Any) -> Any:
    """Return nested values with others laid over them."""
    if not (isinstance(lower, dict) and isinstance(upper, dict)):
        return upper
    return {key: laid(lower.get(key), upper.get(key, lower.get(key))) for key in lower | upper}


def protocols() -> Iterator[str]:
    """Yield a line for each protocol that georet itself has."""
    yield "| protocol | what is counted | 1 % of R references |"
    yield "|---|---|---|"
    for one in PROTOCOLS.values():
        yield f"| `{one.id}` | {one.text} | {one.percent_rule or ''} |"
