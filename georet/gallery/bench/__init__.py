"""Measuring the indexes of a gallery."""
