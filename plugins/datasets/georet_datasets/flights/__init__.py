"""Readers of flights over maps: photos with poses, tiles cut from their maps."""
