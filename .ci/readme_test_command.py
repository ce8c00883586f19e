"""Print the README's test command, so that CI runs what people are told to run."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def main() -> int:
    """Print the one line of the README's shell blocks that starts with `pytest`."""
    blocks = re.findall(r"```(?:sh|bash|shell)\n(.*?)```", README.read_text(), re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("pytest")]
    if len(commands) != 1:
        sys.stderr.write(f"README.md has {len(commands)} test commands, wanted one\n")
        return 1
    sys.stdout.write(commands[0] + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
