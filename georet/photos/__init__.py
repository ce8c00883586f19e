"""Photos that are to be located, and photos whose place is known."""
