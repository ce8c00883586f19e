"""The plugin ``faiss``: indexes of the faiss library; each re-ranks its candidates exactly."""
