"""Whether an artefact does what torch does."""
