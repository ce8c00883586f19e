"""What the sampler put together: the mode of each epoch, an early batch and a late one."""

from __future__ import annotations

from itertools import groupby

import numpy as np

from georet.errors import DataError
from georet.geodesy import distance_m
from georet.page.markup import Html, join, more, rows, tag
from georet.page.projection import dots, frame_of
from georet.page.readable import NOTHING, count, metres
from georet.page.thumbnails import Thumbnails
from georet.report.judged import RunReport
from georet.report.records import BankEvent, PlanEvent
from georet.types import Doubles, Ints, PairTable

_SHOWN_TILES = 16
_MAP_WIDTH, _MAP_ASPECT, _MAP_CELL = 340.0, (1.7, 2.4), 2.5
_RANDOM_PAIRS = 4000


def batches(report: RunReport) -> Html:
    """Return the strip of modes, an early and a late example batch, and the plans as a table."""
    plans = report.run.of(PlanEvent)
    if not plans:
        raise DataError("The run has no batch plans.")
    parts = [_strip(plans, {e.epoch for e in report.run.of(BankEvent)})]
    if report.pairs is None:
        parts.append(tag("p", "The training pairs were not at hand, so no batch is shown."))
    else:
        shown = [_example(plan, report.pairs) for plan in _early_and_late(plans)]
        parts.append(tag("div", *shown, class_="pair"))
    keys = list(dict.fromkeys(key for plan in plans for key in plan.info))
    table = [
        [plan.epoch + 1, plan.sampler or NOTHING, count(plan.num_batches)]
        + [_short(plan.info.get(key)) for key in keys]
        for plan in plans
    ]
    heads = ["Epoch", "Mode", "Batches", *(key.replace("_", " ") for key in keys)]
    return join(
        *parts, more("All plans as a table", rows(table, heads=heads, caption="Batch plans."))
    )


def mates_m(latlon: Doubles) -> tuple[float, float]:
    """Return median distances in metres in a batch float64[B, 2]: of all pairs, to the nearest."""
    between = distance_m(latlon[:, None], latlon[None])
    upper = between[np.triu_indices(len(latlon), 1)]
    nearest = np.where(np.eye(len(latlon), dtype=bool), np.inf, between).min(axis=1)
    return float(np.median(upper)), float(np.median(nearest))


def _strip(plans: list[PlanEvent], mined: set[int]) -> Html:
    """Return one cell for each stretch of epochs with one mode; ``mined`` epochs are marked."""
    modes = list(dict.fromkeys(plan.sampler for plan in plans))
    parts = []
    for mode, group in groupby(plans, key=lambda plan: plan.sampler):
        epochs = [plan.epoch + 1 for plan in group]
        many = f"epochs {epochs[0]} to {epochs[-1]}" if len(epochs) > 1 else f"epoch {epochs[0]}"
        marks = "◆" * sum(epoch - 1 in mined for epoch in epochs)
        kind = f"mode m{min(modes.index(mode), 3)}"
        text = (tag("b", mode), tag("span", many), tag("i", marks) if marks else Html())
        parts.append(tag("li", *text, class_=kind, style=f"flex-grow:{len(epochs)}"))
    legend = " ◆ before this epoch the training images were embedded anew." if mined else ""
    caption = tag("p", f"How the batches of each epoch were chosen.{legend}", class_="caption")
    return join(tag("ol", *parts, class_="strip"), caption)


def _early_and_late(plans: list[PlanEvent]) -> list[PlanEvent]:
    """Return the first plan with an example, and the last one, of another mode if there is one."""
    shown = [plan for plan in plans if any(plan.example_pairs)]
    if not shown:
        return []
    others = [plan for plan in shown if plan.sampler != shown[0].sampler] or shown[1:]
    return [shown[0], *others[-1:]]


def _example(plan: PlanEvent, pairs: PairTable) -> Html:
    chosen = np.array([batch for batch in plan.example_pairs if batch][-1], np.int64)
    if chosen.min() < 0 or chosen.max() >= len(pairs):
        return tag("p", "The plans don't fit the training pairs.", class_="absent")
    references = pairs.pairs[chosen, 1]
    tiles = Thumbnails(64)
    pictures = (
        tiles.picture(pairs.references.paths[row], f"reference {pairs.references.ids[row]}")
        for row in references[:_SHOWN_TILES]
    )
    num = min(len(references), _SHOWN_TILES)
    title = tag("h3", f"Epoch {plan.epoch + 1}: {plan.sampler}")
    grid = tag("div", *pictures, class_="mosaic")
    picture, words = _map(pairs, references)
    caption = f"{num} references of one batch. {words}"
    return tag("figure", title, grid, picture, tag("figcaption", caption))


def _map(pairs: PairTable, references: Ints) -> tuple[Html, str]:
    """Return where the batch lies, as a map and in words."""
    latlon = pairs.references.latlon
    if latlon is None:
        return Html(), "They have no coordinates."
    frame = frame_of(latlon, width=_MAP_WIDTH, aspect=_MAP_ASPECT)
    here, random_m = latlon[references], _random_m(latlon, pairs.pairs[:, 1])
    middle_m, nearest_m = mates_m(here) if len(here) > 1 else (np.nan, np.nan)
    text = (
        f"Median distance of batch mates {metres(middle_m)}, to the nearest mate "
        f"{metres(nearest_m)}; two pairs drawn at random are {metres(random_m)} apart."
    )
    background = tag("path", d=dots(frame, latlon, cell=_MAP_CELL), class_="land")
    batch = tag("path", d=dots(frame, here, cell=0.1), class_="batch")
    box = f"0 0 {frame.width:g} {frame.height:g}"
    about = tag("title", f"Map of the batch. {text}")
    return tag("svg", about, background, batch, viewBox=box, role="img", class_="map"), text


def _random_m(latlon: Doubles, references: Ints) -> float:
    rng = np.random.default_rng(0)
    here, there = latlon[references[rng.integers(0, len(references), (2, _RANDOM_PAIRS))]]
    return float(np.median(distance_m(here, there)))


def _short(value: float | str | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
