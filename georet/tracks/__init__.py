"""Flights: the points of a track, and the filter over the map that finds them."""
