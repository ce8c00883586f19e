"""Archives of encoded Web Mercator tiles as sources: MBTiles, PMTiles, folders."""
