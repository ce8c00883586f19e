"""Training: the loop, its optimiser and schedule, mining, checkpoints and events."""
