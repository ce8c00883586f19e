"""Places and areas on the Earth: WGS84 and Mercator, footprints, lengths, regions."""
