"""Where a run's configuration comes from: core < recipe < file < ``--set``."""

from georet.configure.resolve import configure, dump, load_resolved, validate_components

__all__ = ["configure", "dump", "load_resolved", "validate_components"]
