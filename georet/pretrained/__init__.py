"""Encoders that stand for a run by their name: untrained networks, and repositories of a hub."""
