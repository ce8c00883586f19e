"""Neighbouring papers' methods against Sample4Geo: equal steps, the same data, several seeds.

    python benchmarks/papers.py --out runs/papers [--groups heading fields] [--seeds 0 1 2]

Each method is a recipe of its plugin on CityBlocks (groups name which methods are compared, and on
what). A method is trained once for each seed, and judged for all groups that it stands in. All
trainings share what the frozen trunk makes of an image (modern/memory.py). Every training leaves a
JSON file in OUT, and one that is there is not repeated; the whole table is printed as Markdown,
differences seed by seed, and --save writes it to benchmarks/results/papers.json, which
docs/papers.md shows.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from georet.config import FieldOfView, RunConfig
from georet.configure import configure
from georet.evaluate.evaluator import evaluate_sets
from georet.files import write_json
from georet.plugins import Plugins
from georet.progress import echo
from georet.train.run import new_run, train_run
from georet.train.setup import Data, load_data
from georet.train.trainer import Trainer

sys.path.append(str(Path(__file__).parent / "modern"))

RESULTS = Path(__file__).parent / "results/papers.json"
SET = "cross"
CELLS = (
    "train.epochs=4",
    "train.threads=1",
    "train.channels_last=true",
    "data.workers=0",
    "encoder.check_export=false",
    "evaluate.every=1000",
    f"evaluate.final=[{SET}]",
)
"""What all trainings have: equal steps, and only the last weights are judged."""
REMEMBERED_MB = 4000
JUST_LOOKED_UP_MB = 1
"""For methods that draw images anew: what is known is used, what is drawn is not kept."""


KNOWN = "known heading"
VIEWS: Mapping[str, FieldOfView | None] = {
    KNOWN: None,
    "180 degrees, heading unknown": FieldOfView(degrees=180, heading="random", seed=1),
    "90 degrees, heading unknown": FieldOfView(degrees=90, heading="random", seed=1),
}
"""What photos are cut down to when they are judged."""


@dataclass(frozen=True)
class Method:
    """A recipe, what is laid over it, and whether it shows images that never come again."""

    recipe: str
    sets: tuple[str, ...] = ()
    draws: bool = False
    trunk: str = "encoder.backbone"


@dataclass(frozen=True)
class Group:
    """Methods that are compared, the first is the baseline, and the views they are judged on."""

    methods: tuple[str, ...]
    judged: tuple[str, ...] = (KNOWN,)


_CUT = (
    "data.size_schedule={query: {first: [96, 37], every: batch, random: true}}",
    "data.augment={query: [{name: field_of_view, degrees: size}]}",
)
_SMOOTHED = "losses=[{name: sample4geo:info_nce, label_smoothing: 0.1}]"
METHODS = {
    "sample4geo": Method("cityblocks/cityblocks"),
    "orientation": Method("orientation/cityblocks", draws=True),
    "panobev": Method("panobev/cityblocks", trunk="encoder.backbone.trunk"),
    "sample4geo, photos cut": Method("cityblocks/cityblocks", _CUT, draws=True),
    "congeo": Method("congeo/cityblocks", draws=True),
    "singeo": Method("singeo/cityblocks", draws=True),
    "label smoothing": Method("game4loc/cityblocks", (_SMOOTHED,)),
    "game4loc": Method("game4loc/cityblocks"),
    "lsh": Method("lsh/cityblocks"),
    "lsh, re-ranked": Method("lsh/cityblocks", ("sampler.rerank=128",)),
}
GROUPS = {
    "heading": Group(("sample4geo", "orientation", "panobev")),
    "fields": Group(("sample4geo", "sample4geo, photos cut", "congeo", "singeo"), tuple(VIEWS)),
    "overlaps": Group(("label smoothing", "game4loc")),
    "mining": Group(("sample4geo", "lsh", "lsh, re-ranked")),
}


@dataclass(frozen=True)
class Case:
    """One training run."""

    method: str
    seed: int

    @property
    def name(self) -> str:
        """The name of the run's folder and of its file of figures."""
        return f"{self.method.replace(', ', '-').replace(' ', '-')}-s{self.seed}"

    @property
    def sets(self) -> list[str]:
        """What is laid over the recipe."""
        method = METHODS[self.method]
        limit = JUST_LOOKED_UP_MB if method.draws else REMEMBERED_MB
        return [
            f"seed={self.seed}",
            *CELLS,
            *method.sets,
            f"{method.trunk}.remember_mb={limit}",
        ]

    @property
    def views(self) -> list[str]:
        """What it is judged on: all that groups with this method are."""
        groups = [group for group in GROUPS.values() if self.method in group.methods]
        return [name for name in VIEWS if any(name in group.judged for group in groups)]


def figures(case: Case, out: Path, extra: Sequence[str]) -> dict[str, Any]:
    """Return the figures of a case, trained and judged unless that was done before."""
    path = out / f"{case.name}.json"
    if not path.is_file():
        write_json(path, trained(case, out / "runs" / case.name, extra))
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def trained(case: Case, run_dir: Path, extra: Sequence[str]) -> dict[str, Any]:
    """Train and judge a case; one that was cut off begins anew."""
    config, plugins = configure(recipe=METHODS[case.method].recipe, overrides=[*case.sets, *extra])
    shutil.rmtree(run_dir, ignore_errors=True)
    new_run(run_dir, config, plugins)
    began, spent = time.perf_counter(), time.process_time()
    trainer = Trainer(config, plugins, run_dir, data=_data(config, plugins, run_dir))
    train_run(trainer)
    trained_cpu_s = time.process_time() - spent
    found = {
        "method": case.method,
        "seed": case.seed,
        "extra": list(extra),
        "steps": trainer.state.step,
        "judged": {name: judged(trainer, VIEWS[name]) for name in case.views},
        "trained_cpu_s": round(trained_cpu_s, 1),
        "cpu_s": round(time.process_time() - spent, 1),
        "seconds": round(time.perf_counter() - began, 1),
    }
    shutil.rmtree(run_dir / "banks", ignore_errors=True)
    return found


def judged(trainer: Trainer, view: FieldOfView | None) -> dict[str, float]:
    """Return the metrics of the held-out city, photos cut down to ``view``."""
    parts = trainer.parts
    with parts.judged():
        results = evaluate_sets(
            parts.embedder,
            {SET: parts.data.evaluations[SET]},
            top_k=parts.config.evaluate.top_k,
            field_of_view=view,
        )
    return {name: float(value) for name, value in results[SET].metrics.items()}


_loaded: dict[str, Data] = {}


def _data(config: RunConfig, plugins: Plugins, run_dir: Path) -> Data:
    key = config.dataset.model_dump_json() + config.data.model_dump_json()
    if key not in _loaded:
        _loaded[key] = load_data(config, plugins, run_dir)
    return _loaded[key]


def table(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each group, view and method, in the order of GROUPS.

    Differences to the group's baseline are taken seed by seed; ``half`` is half the width of the
    interval of their mean.
    """
    from paired import half_width

    by_cell = {(f["method"], f["seed"]): f for f in found}
    rows = []
    for name, group in GROUPS.items():
        for view in group.judged:
            for method in group.methods:
                seeds = sorted(seed for kind, seed in by_cell if kind == method)
                if not seeds:
                    continue
                row: dict[str, Any] = {
                    "group": name,
                    "judged": view,
                    "method": method,
                    "steps": sorted({by_cell[method, seed]["steps"] for seed in seeds}),
                    "seeds": seeds,
                    "extra": by_cell[method, seeds[0]]["extra"],
                }
                for key in ("recall@1", "recall@10"):
                    values = {s: by_cell[method, s]["judged"][view][key] for s in seeds}
                    row[key] = {"values": list(values.values())}
                    row[key]["mean"] = statistics.mean(values.values())
                    pairs = [
                        value - by_cell[group.methods[0], seed]["judged"][view][key]
                        for seed, value in values.items()
                        if (group.methods[0], seed) in by_cell
                    ]
                    if method != group.methods[0] and pairs:
                        row[key] |= {"difference": statistics.mean(pairs)}
                        row[key] |= {"differences": pairs, "half": half_width(pairs)}
                rows.append(row)
    return rows


def main() -> None:
    """Train what is missing and print the table of all that is in OUT."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=Path("runs/papers"))
    parser.add_argument("--groups", nargs="+", default=list(GROUPS), choices=list(GROUPS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), help="by default all")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--set", dest="extra", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    cases = [
        Case(method, seed)
        for seed in arguments.seeds
        for name in arguments.groups
        for method in GROUPS[name].methods
        if not arguments.methods or method in arguments.methods
    ]
    train(list(dict.fromkeys(cases)), arguments.out, arguments.extra)
    rows = table([json.loads(path.read_text()) for path in sorted(arguments.out.glob("*.json"))])
    if arguments.save:
        write_json(RESULTS, {"rows": rows})
    for row in rows:
        values = " / ".join(f"{value:.1f}" for value in row["recall@1"]["values"])
        lead = row["recall@1"].get("difference", 0.0)
        echo(f"| {row['judged']} | {row['method']} | {row['steps']} | {values} | {lead:+.1f} |")


def train(cases: Sequence[Case], out: Path, extra: Sequence[str]) -> None:
    """Train what is missing, with one memory for all."""
    if not cases:
        return
    import memory

    torch.set_num_threads(1)
    memory.share(out / "maps")
    size = memory.size()
    for case in cases:
        told = figures(case, out, extra)
        recalls = {name: round(m["recall@1"], 2) for name, m in told["judged"].items()}
        echo(f"{time.strftime('%H:%M:%S')} {case.name} {recalls} {told['cpu_s']} s")
        if memory.size() > 1.02 * size + 100:
            memory.keep(out / "maps")
            size = memory.size()


if __name__ == "__main__":
    main()
