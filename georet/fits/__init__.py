"""Linear maps fitted to embeddings after training: whitening, PCA, Procrustes between views."""
