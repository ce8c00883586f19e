"""Puts what is generated between the marks of a page."""

from __future__ import annotations

from collections.abc import Iterable


def spliced(page: str, source: str, lines: Iterable[str], name: str = "") -> str:
    """Return a page with ``lines`` between the marks of a table from benchmarks/results/.

    ``source`` is the file's name without its ending; ``name`` tells tables of one file apart.
    Without lines nothing is between the marks. ValueError where the first mark is not there once.
    """
    which = f": {name}" if name else ""
    begin = f"<!-- Generated from benchmarks/results/{source}.json{which}. -->\n"
    end = f"<!-- Generated until here{which}. -->\n"
    if page.count(begin) != 1:
        raise ValueError(f"the page must have this line once: {begin}")
    head, _, rest = page.partition(begin)
    body = "\n".join(lines)
    between = f"\n{body}\n\n" if body else ""
    return f"{head}{begin}{between}{end}{rest.partition(end)[2]}"
