"""Processes that train together: who they are, what they add up, and who of them has failed."""
