"""Plain data between the stages: tables of images and pairs, batch plans, banks, rankings.

Shape legend, used in every docstring of the project:

==== ======================================= ==== =====================================
B    pairs in a batch                        Q    queries
D    embedding size                          R    references
H, W image height and width in pixels        S    batches in an epoch's plan
K    neighbours of a reference               V    views of a pair (2: query, reference)
N    training pairs                          P    positives (and semi-positives) of a query
==== ======================================= ==== =====================================

Angles: radians inside, degrees only in names that end in ``latlon`` (WGS84 latitude, longitude) or
in ``_deg``.
"""

from georet.tables.bank import BankSpec, EmbeddingBank
from georet.types.judging import EvaluationProtocol, EvaluationSet, Ranking, ViewPair
from georet.types.training import (
    JUNK_ID,
    QUERY,
    REFERENCE,
    Batch,
    BatchPlan,
    Bools,
    Doubles,
    EmbeddedBatch,
    Floats,
    ImageTable,
    Ints,
    PairTable,
    Pixels,
    Positives,
)

__all__ = [
    "BankSpec",
    "JUNK_ID",
    "QUERY",
    "REFERENCE",
    "Batch",
    "BatchPlan",
    "Bools",
    "Doubles",
    "EmbeddedBatch",
    "EmbeddingBank",
    "EvaluationProtocol",
    "EvaluationSet",
    "Floats",
    "ImageTable",
    "Ints",
    "PairTable",
    "Pixels",
    "Positives",
    "Ranking",
    "ViewPair",
]
