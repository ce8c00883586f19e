"""Cameras over the ground: lens, pose, projection onto a plane or relief, north-up crops."""
