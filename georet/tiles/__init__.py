"""What a tile is, before it is known where its pixels come from."""
