"""The files of a gallery: names, formats, hashes, and who may write them."""
