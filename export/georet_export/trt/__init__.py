"""TensorRT and TensorRT-RTX: compiling engines, executing them, wording their errors."""
