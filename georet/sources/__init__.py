"""Where tiles come from: rasters, tile archives, folders, and georet's own data sets."""
