"""Peak memory of evaluating VIGOR-sized embeddings, over what the embeddings take.

    python benchmarks/evaluation_memory.py

52,609 queries against 90,618 references of 1024 dimensions, as VIGOR same-area has them, drawn at
random; the full matrix of scores would take 19 GB. Linux.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np

from georet.evaluate import evaluate_embeddings


def peak_bytes() -> int:
    """Return the largest amount of memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def warm_up(rng: np.random.Generator) -> None:
    """Import and compile what is needed, so that it does not count as memory of the evaluation."""
    query, reference = rng.normal(size=(2, 64, 8)).astype(np.float32)
    positives = rng.permuted(np.tile(np.arange(64), (64, 1)), axis=1)[:, :4]
    evaluate_embeddings(query, reference, positives, protocol="vigor-same/sample4geo")


def main() -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--queries", type=int, default=52_609)
    parser.add_argument("--references", type=int, default=90_618)
    parser.add_argument("--embed-dim", type=int, default=1024)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    warm_up(rng)
    shapes = (arguments.queries, arguments.embed_dim), (arguments.references, arguments.embed_dim)
    query, reference = (rng.standard_normal(shape, np.float32) for shape in shapes)
    positives = rng.integers(0, arguments.references, (arguments.queries, 4))
    before, started = peak_bytes(), time.perf_counter()
    metrics = evaluate_embeddings(query, reference, positives, protocol="vigor-same/sample4geo")
    found = vars(arguments) | {
        "embeddings_mb": round((query.nbytes + reference.nbytes) / 1e6),
        "before_mb": round(before / 1e6),
        "peak_mb": round(peak_bytes() / 1e6),
        "evaluation_mb": round((peak_bytes() - before) / 1e6),
        "seconds": round(time.perf_counter() - started, 1),
        "recall@1": metrics["recall@1"],
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
