"""An exported artefact: its manifest, and opening it by the runtime that fits."""
