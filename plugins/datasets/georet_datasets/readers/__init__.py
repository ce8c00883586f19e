"""Readers of published layouts."""
