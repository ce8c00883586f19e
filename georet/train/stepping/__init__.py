"""What a step needs around it: numbers read late, batches copied ahead, probes, profiles."""
