"""The plugin ``faiss``: indexes of the faiss library; each re-ranks its candidates exactly.

The components are lazy, so that importing this package does not import faiss.
"""

from __future__ import annotations

from collections.abc import Iterable

from georet import Component, hookimpl

INDEXES = {
    "faiss_flat": ("flat:Flat", "All scores by faiss; on the GPU where there is one"),
    "faiss_ivf_sq8": ("ivf:IvfSq8", "The lists nearest to the query, a byte a dimension"),
    "faiss_ivf_pq": ("ivf:IvfPq", "The lists nearest to the query, two bits a dimension"),
}


@hookimpl
def georet_indexes() -> Iterable[Component]:
    """Declare the indexes."""
    for name, (home, summary) in INDEXES.items():
        target = f"georet_faiss.{home}"
        yield Component(name, target, summary=summary, requires=("faiss",), extra="search")
