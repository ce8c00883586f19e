"""Execute the tutorials as notebooks, each in an empty folder: run_notebooks.py [NAME...]."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).parent.parent / "docs/tutorials"
PATIENCE_S = 1800


def main(names: list[str]) -> int:
    """Return how many notebooks failed; each failure shows its cell and the error."""
    paths = [path for path in sorted(FOLDER.glob("*.py")) if not names or path.stem in names]
    failed = sum(not executed(path) for path in paths)
    sys.stdout.write(f"{len(paths)} notebooks, {failed} failed\n")
    return int(failed > 0 or not paths)


def executed(path: Path) -> bool:
    """Whether all cells of a notebook ran."""
    notebook, begun = jupytext.read(path), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook, timeout=PATIENCE_S, resources={"metadata": {"path": folder}}
        )
        try:
            client.execute()
        except CellExecutionError as error:
            sys.stderr.write(f"{path.name}: {error}\n")
            return False
    sys.stdout.write(f"{path.name}: {time.perf_counter() - begun:.0f} s\n")
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
