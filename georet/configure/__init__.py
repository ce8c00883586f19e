"""Where a run's configuration comes from: core < recipe < file < ``--set``."""

from georet.configure.recipes import usual_recipe
from georet.configure.resolve import configure, dump, load_resolved, validate_components

__all__ = ["configure", "dump", "load_resolved", "usual_recipe", "validate_components"]
