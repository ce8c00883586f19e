"""Flips single bits and cuts files of runs, galleries and artefacts, and counts what is noticed.

    python benchmarks/flips.py WORK [--num 1000] [--seed 0] [--out results.json]

One of each kind of artefact is made below WORK (``flips_kinds``). Each damage must be found by
`georet verify` (exit 3 or 4), of a bundle by unpacking it, unless the file is one of
``CAN_DIFFER``, and no command that reads the damaged folder may end as a bug (exit 1).
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flips_kinds import Kind, every_kind
from georet.run_layout import REPORT, TIMING, VOUCHED

CAN_DIFFER = {
    TIMING: "how long stages took: nothing is decided by it",
    REPORT: "a page for people, written anew by `georet report --html`",
    "tensorboard": "curves for people, read by TensorBoard alone",
    "events.out.tfevents": "curves for people, read by TensorBoard alone",
}
"""{name of a file or folder: why nothing vouches for it}"""
HARMLESS = "harmless"
FOUND = (3, 4)


@dataclass(frozen=True)
class Damage:
    """What was done to which file, and how each command ended: (exit code, last words)."""

    kind: str
    file: str
    how: str
    verified: tuple[int, str]
    read: tuple[int, str]
    reader: str

    @property
    def is_missed(self) -> bool:
        """Whether neither `georet verify` found it nor the list says that it can't matter."""
        can_differ = any(part in self.file for part in CAN_DIFFER)
        is_harmless = self.verified[1] == HARMLESS and self.kind == "bundle"
        return not can_differ and not is_harmless and self.verified[0] not in FOUND

    @property
    def is_bug(self) -> bool:
        """Whether a command ended otherwise than georet means to."""
        return any(
            "This is a bug" in words or code == 1 for code, words in (self.verified, self.read)
        )


def damage(path: Path, rng: random.Random) -> str:
    """Flip one bit of a file, or cut it; return what was done."""
    content = bytearray(path.read_bytes())
    if not content:
        path.write_bytes(b"\0")
        return "a byte added"
    if rng.random() < 0.25:
        length = rng.choice([0, len(content) // 2, len(content) - 2, rng.randrange(len(content))])
        path.write_bytes(content[: max(0, length)])
        return f"cut to {max(0, length)} of {len(content)} bytes"
    at, bit = rng.randrange(len(content)), rng.randrange(8)
    content[at] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {at} of {len(content)}"


def one(kind: Kind, work: Path, rng: random.Random) -> Damage:
    """Damage a file of a copy; a file is chosen first, so that small ones have their turn."""
    shutil.rmtree(work, ignore_errors=True)
    copy = work / kind.folder.name
    shutil.copytree(kind.folder, copy)
    files = sorted(p for p in copy.rglob("*") if p.is_file() and p.stat().st_size)
    path = rng.choice(files)
    how = damage(path, rng)
    verified = kind.verify(copy)
    name = path.relative_to(copy).as_posix()
    if rng.random() < 0.5 and name != VOUCHED:
        # As in a run whose training is not over: what reads a file must notice by itself.
        (copy / VOUCHED).unlink(missing_ok=True)
    reader = rng.choice(sorted(kind.readers))
    return Damage(kind.name, name, how, verified, kind.readers[reader](copy), reader)


def damages(every: Sequence[Kind], num: int, seed: int) -> list[Damage]:
    """Return ``num`` damages, the kinds in turn; the seed decides all of them."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        return [one(every[i % len(every)], Path(folder) / "copy", rng) for i in range(num)]


def run() -> None:
    """Print one line for each damage that went wrong, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--num", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON file of the totals")
    options = parser.parse_args()
    options.work.mkdir(parents=True)
    found = damages(every_kind(options.work), options.num, options.seed)
    for each in found:
        if each.is_missed or each.is_bug:
            print(json.dumps({**vars(each), "missed": each.is_missed, "bug": each.is_bug}))
    told = totals(found)
    print(json.dumps(told, indent=1))
    if options.out:
        options.out.write_text(json.dumps(told, indent=1) + "\n")


def totals(found: Sequence[Damage]) -> dict[str, object]:
    """Return how many damages of each kind were found, can't matter, or were missed."""
    kinds: dict[str, Counter[str]] = {}
    for each in found:
        ends = kinds.setdefault(each.kind, Counter())
        is_found = each.verified[0] in FOUND
        ends["found" if is_found else "missed" if each.is_missed else "can't matter"] += 1
        ends["found by the command that reads it"] += each.read[0] in FOUND
    return {
        "tried": len(found),
        "missed": sum(each.is_missed for each in found),
        "bugs": sum(each.is_bug for each in found),
        "kinds": {name: dict(sorted(ends.items())) for name, ends in sorted(kinds.items())},
        "can't matter": {**CAN_DIFFER, "bundle": "dates and attributes of a ZIP archive's entries"},
    }


if __name__ == "__main__":
    run()
