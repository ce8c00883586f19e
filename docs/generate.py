"""Write the part of docs/plugins.md that stands in the hookspecs; ``--check`` only compares."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from georet import hookspecs

PAGE_PATH = Path(__file__).parent / "plugins.md"
MARKER = "<!-- From here on generated from georet/hookspecs by docs/generate.py. -->\n"
GROUPS = {
    "Components": hookspecs.COMPONENT_HOOKS,
    "Observers": hookspecs.OBSERVER_HOOKS,
    "Command line": hookspecs.FRONT_HOOKS,
}


def main() -> int:
    """Write the page, or with ``--check`` return 1 if it is stale."""
    page = PAGE_PATH.read_text(encoding="utf-8")
    fresh = render(page)
    if "--check" in sys.argv[1:]:
        return int(fresh != page)
    PAGE_PATH.write_text(fresh, encoding="utf-8")
    return 0


def render(page: str) -> str:
    """Return the page with its generated part made anew."""
    head = page.partition(MARKER)[0]
    sections = [_group(title, hooks) for title, hooks in GROUPS.items()]
    return head + MARKER + "\n" + "\n".join(sections)


def _group(title: str, hooks: Iterable[Callable[..., Any]]) -> str:
    return "\n".join([f"## {title}\n", *map(_hook, hooks)])


def _hook(hook: Callable[..., Any]) -> str:
    signature = str(inspect.signature(hook)).replace("'", "")
    text, _, example = (inspect.getdoc(hook) or "").partition("Example::")
    prose = text.replace("``", "`").strip()
    code = f"```python\n{textwrap.dedent(example).strip()}\n```\n"
    return f"### {hook.__name__}\n\n`{hook.__name__}{signature}`\n\n{prose}\n\n{code}"


if __name__ == "__main__":
    sys.exit(main())
