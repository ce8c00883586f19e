"""Fitting radii, confidence and threshold to photos whose place is known."""
