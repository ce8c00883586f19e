"""Rasters as sources of tiles: cut in their own projection, or warped to Web Mercator."""
