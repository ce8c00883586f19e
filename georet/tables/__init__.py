"""Tables of images and of pairs of them; ``georet.types`` has their names too."""
