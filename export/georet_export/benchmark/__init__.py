"""georet benchmark: torch and artefacts side by side."""
