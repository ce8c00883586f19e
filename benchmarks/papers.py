"""Neighbouring papers' methods against Sample4Geo: equal steps, the same data, several seeds.

    python benchmarks/papers.py --out runs/papers [--groups heading fields] [--seeds 0 1 2]

Each method is a recipe of its plugin on CityBlocks (groups name which methods are compared, and on
what). Runs and judgements that are there already are not repeated, cut-off runs are resumed. Every
run leaves a JSON file in OUT; the whole table is printed as Markdown, and --save writes it to
benchmarks/results/papers.json, which docs/papers.md shows.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from georet.run_layout import CONFIG, EVALUATION, EVENTS

RESULTS = Path(__file__).parent / "results/papers.json"


@dataclass(frozen=True)
class Method:
    """A recipe, and what is laid over it."""

    recipe: str
    sets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Methods that are compared, the first is the baseline, and what they are judged on.

    ``judged``: {name: (evaluation set, settings of ``georet eval``)}; without settings it is judged
    at the end of the training. ``sets`` are laid over the recipes of all methods.
    """

    methods: tuple[str, ...]
    judged: dict[str, tuple[str, tuple[str, ...]]]
    sets: tuple[str, ...] = field(default=())


def _field(degrees: int) -> tuple[str, tuple[str, ...]]:
    view = f"{{degrees: {degrees}, heading: random, seed: 1}}"
    return "cross", (f"evaluate.field_of_view={view}",)


_CUT = (
    "data.size_schedule={query: {first: [96, 37], every: batch, random: true}}",
    "data.augment={query: [{name: field_of_view, degrees: size}]}",
)
_SMOOTHED = "losses=[{name: sample4geo:info_nce, label_smoothing: 0.1}]"
METHODS = {
    "sample4geo": Method("cityblocks/cityblocks"),
    "orientation": Method("orientation/cityblocks"),
    "panobev": Method("panobev/cityblocks"),
    "sample4geo, photos cut": Method("cityblocks/cityblocks", _CUT),
    "congeo": Method("congeo/cityblocks"),
    "singeo": Method("singeo/cityblocks"),
    "label smoothing": Method("game4loc/cityblocks", (_SMOOTHED,)),
    "game4loc": Method("game4loc/cityblocks"),
    "lsh": Method("lsh/cityblocks"),
    "lsh, re-ranked": Method("lsh/cityblocks", ("sampler.rerank=128",)),
}
GROUPS = {
    "heading": Group(("sample4geo", "orientation", "panobev"), {"known heading": ("cross", ())}),
    "fields": Group(
        ("sample4geo", "sample4geo, photos cut", "congeo", "singeo"),
        {
            "known heading": ("cross", ()),
            "180 degrees, heading unknown": _field(180),
            "90 degrees, heading unknown": _field(90),
        },
    ),
    "overlaps": Group(("label smoothing", "game4loc"), {"known heading": ("cross", ())}),
    "mining": Group(("sample4geo", "lsh", "lsh, re-ranked"), {"known heading": ("cross", ())}),
}


@dataclass(frozen=True)
class Case:
    """One training run."""

    group: str
    method: str
    seed: int

    @property
    def name(self) -> str:
        """The name of the run's folder and of its file of figures."""
        method = self.method.replace(", ", "-").replace(" ", "-")
        return f"{self.group}-{method}-s{self.seed}"


def figures(case: Case, out: Path, threads: int, extra: Sequence[str]) -> dict[str, Any]:
    """Return the figures of a case, trained and judged unless that was done before."""
    path = out / f"{case.name}.json"
    if not path.is_file():
        group, run_dir = GROUPS[case.group], out / case.name
        train(case, out, threads, extra)
        found: dict[str, Any] = {"group": case.group, "method": case.method, "seed": case.seed}
        found["extra"] = list(extra)
        found["steps"] = (run_dir / EVENTS).read_text().count('"event": "step"')
        found["judged"] = {
            name: judge(run_dir, out, which, sets, threads)
            for name, (which, sets) in group.judged.items()
        }
        path.write_text(json.dumps(found, indent=1) + "\n")
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def train(case: Case, out: Path, threads: int, extra: Sequence[str]) -> None:
    """Train a case, or go on with it."""
    method, group, run_dir = METHODS[case.method], GROUPS[case.group], out / case.name
    trained = [which for which, sets in group.judged.values() if not sets]
    if all((run_dir / EVALUATION / f"{name}.json").is_file() for name in trained or ["cross"]):
        return
    if (run_dir / CONFIG).is_file():
        command = ["train", "--resume", str(run_dir)]
    else:
        sets = [f"seed={case.seed}", "evaluate.every=100", *method.sets, *group.sets, *extra]
        sets += [f"evaluate.final=[{','.join(trained or ['cross'])}]"]
        options = [part for each in sets for part in ("--set", each)]
        command = ["train", "--recipe", method.recipe, *options, "--out", str(run_dir)]
    _georet(command, out / f"{case.name}.log", threads)


def judge(
    run_dir: Path, out: Path, which: str, sets: Sequence[str], threads: int
) -> dict[str, float]:
    """Return the metrics of one evaluation set of a run."""
    if not sets:
        path = run_dir / EVALUATION / f"{which}.json"
        metrics: dict[str, float] = json.loads(path.read_text())["metrics"]
        return metrics
    options = [part for each in sets for part in ("--set", each)]
    command = ["eval", str(run_dir), "--only", which, *options, "--json"]
    printed = json.loads(_georet(command, out / f"{run_dir.name}.log", threads))
    judged: dict[str, float] = printed[0]["metrics"]
    return judged


def _georet(arguments: Sequence[str], log_path: Path, threads: int) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
    with log_path.open("a") as log:
        command = [sys.executable, "-m", "georet", *arguments]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=log, env=environment, text=True
        )
        log.write(done.stdout)
    return done.stdout


def table(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each group, way of judging and method, in the order of GROUPS."""
    rows = []
    for name, group in GROUPS.items():
        for judged in group.judged:
            for method in group.methods:
                runs = [f for f in found if (f["group"], f["method"]) == (name, method)]
                if not runs:
                    continue
                values = [run["judged"][judged]["recall@1"] for run in runs]
                rows.append(
                    {
                        "group": name,
                        "judged": judged,
                        "method": method,
                        "steps": sorted({run["steps"] for run in runs}),
                        "seeds": [run["seed"] for run in runs],
                        "recall@1": values,
                        "mean": statistics.mean(values),
                        "spread": statistics.stdev(values) if len(values) > 1 else None,
                        "extra": runs[0]["extra"],
                    }
                )
    return rows


def main() -> None:
    """Run what was asked for and print the table of all that is in OUT."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=Path("runs/papers"))
    parser.add_argument("--groups", nargs="+", default=list(GROUPS), choices=list(GROUPS))
    parser.add_argument("--methods", nargs="+", help="of each group; by default all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1, help="threads of each run")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--set", dest="extra", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    cases = [
        Case(name, method, seed)
        for seed in arguments.seeds
        for name in arguments.groups
        for method in GROUPS[name].methods
        if not arguments.methods or method in arguments.methods
    ]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        todo = [
            pool.submit(figures, case, arguments.out, arguments.threads, arguments.extra)
            for case in cases
        ]
        for each in todo:
            each.result()
    rows = table([json.loads(path.read_text()) for path in sorted(arguments.out.glob("*.json"))])
    if arguments.save:
        RESULTS.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    for row in rows:
        values = " / ".join(f"{value:.1f}" for value in row["recall@1"])
        print(
            f"| {row['judged']} | {row['method']} | {row['steps']} | {row['mean']:.1f} | {values} |"
        )


if __name__ == "__main__":
    main()
