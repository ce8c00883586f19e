"""The words that an error adds when a name was mistyped."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """Return ``did you mean 'x'?`` for the choice closest to ``word``, or None if none is close."""
    close = difflib.get_close_matches(word, sorted(set(choices)), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else None


def hint_for(word: str, choices: Iterable[str], what: str) -> str:
    """Return the hint for an unknown ``word``: the closest choice, and what there is."""
    known = sorted(set(choices))
    close = did_you_mean(word, known)
    listed = f"{what}: {', '.join(known) or 'none'}"
    return f"{close} ({listed})" if close else listed
