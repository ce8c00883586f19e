"""A new plugin as a distribution of its own: ``georet plugins new``."""
