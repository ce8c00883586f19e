"""In which directions photos show streets, and the filter by it."""
