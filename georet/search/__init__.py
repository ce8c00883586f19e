"""Indexes: the k references of greatest cosine to each query, exactly or after exact re-ranking.

All of them give exact cosines; equal ones stand in the order of the rows. ``stored.StoredIndex``
is what they share, ``candidates.CandidateIndex`` what the approximate ones share. Importing this
package imports neither torch nor numba.
"""

from __future__ import annotations


def is_exact(name: str) -> bool:
    """Whether an index of this name is the exact search, called by its short name or its id."""
    return name in ("exact", "core:exact")
