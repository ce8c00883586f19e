"""Pictures of the ground, put together from the thumbnails of a gallery."""
