"""The names of the files in a run's folder, and of what makes a folder an artefact."""

ARTEFACT = "artefact.json"
"""The manifest that makes a folder an exported artefact."""


CONFIG = "config.yaml"
