"""Feeding a device: processes fill batches ahead of it, in memory that both see."""
