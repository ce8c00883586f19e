"""From files to batches: reading images, changing them at random, loading what a plan asks for."""
