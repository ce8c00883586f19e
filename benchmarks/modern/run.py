"""What makes Sample4Geo better, one factor at a time: equal steps, equal data, paired seeds.

    python benchmarks/modern/run.py --out runs/modern --only aggregator --seeds 0,1
    python benchmarks/modern/run.py --out runs/modern --confirm

Each cell is a training in a world with one level of one factor (factors.py); its figures are a JSON
file in OUT, and a cell that is there is not trained again. Chosen is on the worlds `americas` and
`city 2`; `--confirm` trains the recipes of the plugin `modern` and Sample4Geo's on the two that
nothing is chosen on. --save writes all figures in OUT to benchmarks/results/modern.json, which
docs/modern.md shows; with `--seeds ""` nothing is trained.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

import memory
from cells import MODERN, Cell, figures
from factors import BASE, FACTORS, ONLY, WORLDS
from paired import rows, shown

RESULTS = Path(__file__).parents[1] / "results/modern.json"


def wanted(arguments: argparse.Namespace) -> list[Cell]:
    """Return the cells that were asked for, those of one seed and world together."""
    factors = {MODERN: {MODERN: ()}} if arguments.confirm or arguments.modern else FACTORS
    names = arguments.only or list(factors)
    worlds = [
        name
        for name, world in WORLDS.items()
        if world.is_untouched == arguments.confirm
        and (not arguments.worlds or name in arguments.worlds)
    ]
    found = [
        Cell(world, factor, level, seed)
        for world in worlds
        for seed in arguments.seeds
        for factor in names
        for level in (BASE, *factors[factor])
        if factor not in ONLY or ONLY[factor] in WORLDS[world].recipe
        if not arguments.levels or level in (BASE, *arguments.levels)
    ]
    return list({cell.name: cell for cell in found}.values())


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


def main() -> None:
    """Train what is missing and print the table of all that is in OUT."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=Path("runs/modern"))
    parser.add_argument("--only", action="append", choices=list(FACTORS), metavar="FACTOR")
    parser.add_argument("--levels", action="append", metavar="LEVEL")
    parser.add_argument("--worlds", action="append", choices=list(WORLDS), metavar="WORLD")
    parser.add_argument("--seeds", type=_numbers, default=[0, 1], metavar="0,1")
    parser.add_argument("--modern", action="store_true", help="the whole recipe, where chosen")
    parser.add_argument("--confirm", action="store_true", help="the whole recipe, where not")
    parser.add_argument("--keep-runs", action="store_true")
    parser.add_argument("--set", dest="extra", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    memory.share(arguments.out / "maps")
    size = memory.size()
    for cell in wanted(arguments):
        told = figures(cell, arguments.out, extra=arguments.extra, keeps=arguments.keep_runs)
        recalls = [told["metrics"][f"recall@{k}"] for k in (1, 5, 10)]
        print(
            time.strftime("%H:%M:%S"),
            cell.name,
            *(f"{value:.2f}" for value in recalls),
            f"{told['cpu_s']} s",
            flush=True,
        )
        if memory.size() > 1.02 * size + 100:
            memory.keep(arguments.out / "maps")
            size = memory.size()
    found = [json.loads(path.read_text()) for path in sorted(arguments.out.glob("*.json"))]
    table = rows(found)
    for line in shown(table):
        print(line)
    if arguments.save:
        RESULTS.write_text(json.dumps({"cells": found, "rows": table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
