"""A gallery on a page: drop a photo, see where it may have been taken; on this machine only."""
