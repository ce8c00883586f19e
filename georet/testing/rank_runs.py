"""Small trainings by several ranks that are started once for all of them.

    python -m georet.testing.rank_runs RANK SIZE FOLDER

``FOLDER/cases.yaml`` holds {name: [plugins, settings]}; each run is written to
``FOLDER/SIZE/<name>``. What starts the ranks gives them the environment that torch needs.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from georet.configure import configure
from georet.plugins import Selection
from georet.ranks.world import ALONE, Ranks
from georet.train.run import new_run
from georet.train.trainer import Trainer

OWN = ("sample4geo", "georet.testing.plugin")
Case = tuple[tuple[str, ...], Mapping[str, Any]]


def settings(root: Path, epochs: int = 5) -> dict[str, Any]:
    """Return a run over the tiny data set, mining and evaluation included: 6 steps an epoch."""
    return {
        "recipe": "none",
        "dataset": {"name": "tiny", "root": str(root), "num_places": 24, "size": 32},
        "data": {
            "size": {"query": [32, 32], "reference": [32, 32]},
            "workers": 0,
            "joint": ["flip"],
            "augment": {"query": ["colour_jitter"], "reference": ["dropout"]},
        },
        "encoder": {"backbone": {"name": "georet.testing.plugin:tiny"}},
        "losses": ["info_nce"],
        "sampler": {"name": "sample4geo", "select": 2, "pool": 4, "mine_every": 1},
        "train": {"epochs": epochs, "batch_size": 4, "lr": 3e-3},
        "evaluate": {"every": 2},
        "device": "cpu",
    }


def cases(root: Path, epochs: int = 5) -> dict[str, Case]:
    """Return what several ranks must train as one process does, by name."""
    dropping = {"name": "georet.testing.plugin:tiny", "drop": 0.2, "drop_path": 0.3}
    two = ["info_nce", {"name": "proxies", "weight": 0.5}]
    changes: dict[str, dict[str, Any]] = {
        "plain": {},
        "a batch that ranks don't divide": {"train": {"batch_size": 5}},
        "drop path": {"encoder": {"backbone": dropping}},
        "chunk": {"encoder": {"backbone": dropping}, "train": {"chunk": 1}},
        "two losses, one with parameters": {"losses": two},
        "two losses, one local": {"losses": two, "train": {"ranks": {"local_loss": True}}},
        "separate branches": {"encoder": {"shared": False}},
        "average of weights": {"train": {"ema": {"decay": 0.9}}},
        "fits": {"fits": [{"name": "whitening", "dim": 8}, {"name": "procrustes"}]},
        "embeddings seen while training": {"sampler": {"incremental": True}},
        "kept images": {
            "data": {"cache": str(root / "kept"), "joint": [], "augment": {}, "workers": 1}
        },
        # Rounded so coarsely, what is mined would soon be different.
        "bf16": {"precision": "bf16", "sampler": {"name": "random"}},
    }
    return {
        name: (OWN, _merged(settings(root, epochs), change)) for name, change in changes.items()
    }


def train_cases(folder: Path, ranks: Ranks = ALONE) -> None:
    """Train all cases of ``folder``."""
    for name, (plugins, _) in yaml.safe_load((folder / "cases.yaml").read_text()).items():
        config, loaded = configure(
            selection=Selection.of(list(plugins)), path=folder / f"{name}.yaml"
        )
        out = folder / str(ranks.size) / name
        ranks.once(lambda out=out, c=config, p=loaded: new_run(out, c, p))  # type: ignore[misc]
        Trainer(config, loaded, out, ranks=ranks).fit()


def write_cases(folder: Path, given: Mapping[str, Case]) -> None:
    """Write cases where ``train_cases`` looks for them."""
    held = {name: [list(plugins), dict(values)] for name, (plugins, values) in given.items()}
    (folder / "cases.yaml").write_text(yaml.safe_dump(held))
    for name, (_, values) in held.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(dict(base))
    for key, value in change.items():
        is_section = isinstance(value, dict) and isinstance(found.get(key), dict)
        is_section = is_section and value.get("name", found[key].get("name")) == found[key].get(
            "name"
        )
        found[key] = _merged(found[key], value) if is_section else value
    return found


def main() -> None:
    """Be one rank."""
    import torch
    import torch.distributed as dist

    from georet.ranks.joined import Joined

    rank, size, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    if size == 1:
        train_cases(folder)
        return
    store = dist.FileStore(str(folder / f"store-{size}"), size)  # type: ignore[attr-defined]
    ranks = Joined(rank, size, store=store, local_rank=rank, local_size=size, patience_s=120)
    ranks.connect()
    train_cases(folder, ranks)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
