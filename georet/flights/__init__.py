"""Flights: photos or a video of one flight, located together."""
