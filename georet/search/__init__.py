"""Indexes: the k references of greatest cosine to each query, exactly or after exact re-ranking.

All of them give exact cosines; equal ones stand in the order of the rows. ``stored.StoredIndex``
is what they share, ``candidates.CandidateIndex`` what the approximate ones share. Importing this
package imports neither torch nor numba.
"""
