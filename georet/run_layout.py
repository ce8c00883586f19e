"""The names of the files in a run's folder, and of what makes a folder an artefact."""

from typing import Final

CONFIG: Final = "config.yaml"
"""The whole configuration; it makes a folder a run."""
PLUGINS: Final = "plugins.json"
"""The plugins' versions at the start."""
MANIFEST: Final = "manifest.json"
"""When, where, by which command and on what the run was made."""
EVENTS: Final = "events.jsonl"
TIMING: Final = "timing.jsonl"
BAD_IMAGES: Final = "bad_images.json"
REPORT: Final = "report.html"
CHECKPOINTS: Final = "checkpoints"
BANKS: Final = "banks"
EVALUATION: Final = "evaluation"
EXPORT: Final = "export"
VOUCHED: Final = "vouched.json"
"""Hashes of the files of a finished run."""

ARTEFACT: Final = "artefact.json"
"""The manifest that makes a folder an exported artefact."""
