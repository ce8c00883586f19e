"""Which parameters learn how fast: groups, optimisers, schedules, and the average of weights."""
