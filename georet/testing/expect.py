"""How the kit says what is wrong with a component, and what to do."""

from __future__ import annotations


def expect(is_so: bool, what: str, advice: str) -> None:
    """Raise AssertionError with both sentences unless ``is_so``; works under ``python -O`` too."""
    if not is_so:
        raise AssertionError(f"{what}.\n  {advice}.")
