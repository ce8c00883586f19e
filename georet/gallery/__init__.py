"""Galleries: from imagery to tiles, to embeddings in shards, to something that can be searched."""
