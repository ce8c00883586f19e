"""Writing ONNX, and what starts from it on a CPU: OpenVINO and int8."""
