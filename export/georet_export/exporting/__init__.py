"""georet export: from a run to artefacts that were judged."""
