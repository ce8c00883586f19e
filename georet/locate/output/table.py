"""Located photos as lines for people."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from georet.locate.output.journal import Journal
from georet.locate.output.records import Record, accuracy_m
from georet.page.readable import NOTHING, count, metres, percent, position
from georet.progress import one_line

_WIDEST_NAME: Final = 40


def table(journal: Journal) -> str:
    """Return a block for each photo: the place, then the best tiles."""
    return "\n\n".join(_block(record) for record in journal.records())


def summary(journal: Journal) -> str:
    """Return one line: how many photos were located, how many were left open."""
    abstained = sum(record["abstained"] for record in journal.records())
    without = f", {count(abstained)} of them too unclear to be trusted" if abstained else ""
    return f"{count(journal.num_records)} located{without}"


def place_line(record: Record) -> str:
    """Return position, radii and confidence in one line."""
    parts = [position((record["latitude"], record["longitude"]), accuracy_m(record))]
    if record["radius_90_m"] is not None:
        parts.append(f"within {metres(record['radius_50_m'])} (50 %)")
        parts.append(f"{metres(record['radius_90_m'])} (90 %)")
    if record["confidence"] is not None:
        parts.append(f"confidence {percent(100 * record['confidence'])}")
    if record["abstained"]:
        parts.append("abstains: the photo tells too little")
    if "method" in record:
        parts.append(refined_words(record))
    return ", ".join(parts)


def refined_words(record: Record) -> str:
    """Return what a refiner made of a photo: place, sureness and heading, or why there is none."""
    note = f" ({record['note']})" if record["note"] else ""
    if record["method"] != "refined":
        return f"not refined: {record['reason']}{note}"
    heading = record["heading_deg"]
    facing = "" if heading is None else f", heading {heading:.0f}°"
    within = f"within {metres(accuracy_m(record))} (90 %, of the refiner)"
    return f"refined on {record['tile']}, {count(record['inliers'])} matches {within}{facing}{note}"


def reranked_words(record: Record) -> str:
    """Return what a re-ranker made of a photo, and why, as far as it says so."""
    said = record["reranking"]
    did = "order changed" if said["changed"] else "order kept"
    if said["failed"]:
        did = "failed, the order is that of the retrieval"
    why = ": ".join(filter(None, (did, said["reason"])))
    return f"{why} ({said['note']})" if said["note"] else why


def _block(record: Record) -> str:
    lines = [one_line(record["photo"]), f"  {place_line(record)}"]
    if "reranking" in record:
        lines.append(f"  re-ranked: {one_line(reranked_words(record))}")
    ids = [one["id"] for one in record["candidates"]]
    names = [n if len(n) <= _WIDEST_NAME else f"…{n[1 - _WIDEST_NAME :]}" for n in ids]
    width = max(map(len, names))
    for one, name in zip(record["candidates"], names, strict=True):
        at = position((one["latitude"], one["longitude"]), one["side_m"])
        belief = percent(100 * one["belief"]) if one["belief"] >= 1e-4 else NOTHING
        lines.append(
            f"  {one['rank']:>3}. {name:<{width}}  {at:<22}  "
            f"score {one['score']:.3f}  belief {belief}"
        )
    return "\n".join(lines)


def short(photo: str) -> str:
    """Return a photo's name without its folders."""
    return Path(photo).name or photo
