"""georet adapt: an encoder made for one area, from nothing but its map."""
