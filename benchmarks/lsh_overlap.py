"""How many of the exact hard negatives codes of bits find, on the bank of a trained run.

    python benchmarks/lsh_overlap.py runs/first

Takes the embeddings that the run mined last, finds for each pair the 32 references nearest to its
query by exact cosines and by codes, and prints what share of them is the same, with the CPU time of
each. Written to benchmarks/results/lsh_overlap.json, which docs/papers.md shows.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from safetensors.numpy import load_file

from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.plugins import load_plugins
from georet.run_layout import CONFIG
from georet.sampling import visual_neighbours
from georet.types import EmbeddingBank, Ints, PairTable
from georet_lsh.sampler import LshSampler

RESULTS = Path(__file__).parent / "results/lsh_overlap.json"
K: Final = 32
BITS: Final = (128, 256, 512, 1024)
KINDS: Final[dict[str, dict[str, Any]]] = {
    "not centred": {"centred": False},
    "centred": {},
    "128 re-ranked": {"rerank": 128},
}


def main() -> None:
    """Measure on the run that is named."""
    run_dir = Path(sys.argv[1])
    pairs, bank = training_of(run_dir)
    start = time.process_time()
    exact = exact_neighbours(pairs, bank)
    seconds = time.process_time() - start
    rows: list[dict[str, Any]] = [{"bits": None, "kind": "exact", "share": 100, "cpu_s": seconds}]
    warm_up = LshSampler(select=8, pool=K, num_bits=256, searched_by="query", rerank=K)
    warm_up.neighbours(pairs, bank)  # compiles
    for bits in BITS:
        for kind, options in KINDS.items():
            sampler = LshSampler(select=8, pool=K, num_bits=bits, searched_by="query", **options)
            start = time.process_time()
            table = sampler.neighbours(pairs, bank)
            seconds = time.process_time() - start
            share = 100 * overlap(table, exact)
            rows.append({"bits": bits, "kind": kind, "share": share, "cpu_s": seconds})
            print(f"{bits:5} bits, {kind}: {share:.1f} %, {seconds:.2f} s")
    references = len(np.unique(pairs.pairs[:, 1]))
    by_chance = 100 * K / (references - 1)
    found = {
        "num_pairs": len(pairs),
        "num_references": references,
        "embed_dim": int(bank.query.shape[1]),
        "k": K,
        "by_chance": by_chance,
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(f"exact: {rows[0]['cpu_s']:.2f} s; by chance {by_chance:.1f} %")


def training_of(run_dir: Path) -> tuple[PairTable, EmbeddingBank]:
    """Return the training pairs of a run, and the embeddings that it mined last."""
    config = yaml.safe_load((run_dir / CONFIG).read_text())
    catalog = load_plugins(["sample4geo"]).catalog
    spec = ComponentSpec.model_validate(config["dataset"])
    context = BuildContext(catalog)
    pairs = catalog.create("datasets", spec, where="dataset", context=context).train()
    path = max((run_dir / "banks").glob("*.safetensors"))
    kept = load_file(path)
    return pairs, EmbeddingBank(kept["query"], kept["reference"], 0, path.name)


def exact_neighbours(pairs: PairTable, bank: EmbeddingBank) -> Ints:
    """Return the references int64[N, K] of greatest cosine to a pair's query, without its own."""
    query, reference = pairs.pairs[:, 0], pairs.pairs[:, 1]
    rows = np.unique(reference)
    own = np.searchsorted(rows, reference)
    found = visual_neighbours(bank.query[query], bank.reference[rows], own, K)
    return np.asarray(rows[found], np.int64)


def overlap(table: Ints, exact: Ints) -> float:
    """Return the mean share of exact neighbours int64[N, K] that a table has."""
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(exact, table, strict=True)]))


if __name__ == "__main__":
    main()
