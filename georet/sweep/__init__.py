"""One exact sweep over a gallery: ranks and the best references of many queries, no Q x R matrix.

Memory is that of the embeddings and of one block of scores. A score is the cosine, rounded once to
fp32, whatever chunks or device it was found on; ``exact`` says how. Importing this package
imports neither torch nor numba.
"""

from georet.sweep.run import CHUNK, QUERY_CHUNK, SweepResult, sweep
from georet.sweep.scoring import score_pairs, vectors
from georet.sweep.vectors import Embeddings, Vectors

__all__ = [
    "CHUNK",
    "Embeddings",
    "QUERY_CHUNK",
    "SweepResult",
    "Vectors",
    "score_pairs",
    "sweep",
    "vectors",
]
