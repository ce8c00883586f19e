"""Refuse a release whose version the project, the changelog or the citation doesn't have."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main(version: str) -> int:
    """Return 0 when all files agree with ``version``; else 1, and name those that don't."""
    wrong = [name for name, found in versions(version).items() if found != version]
    for name in wrong:
        sys.stderr.write(f"{name} doesn't have version {version}\n")
    return int(bool(wrong))


def versions(wanted: str) -> dict[str, str | None]:
    """Return the version that each file has; of the changelog, whether it has the wanted one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    is_in = re.search(rf"^## \[{re.escape(wanted)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE)
    cited = re.search(r"^version: (\S+)$", citation, re.MULTILINE)
    return {
        "pyproject.toml": project["version"],
        "CHANGELOG.md": wanted if is_in else None,
        "CITATION.cff": cited[1] if cited else None,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
