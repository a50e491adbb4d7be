"""A trained generator as an avatar: ONNX that was checked against PyTorch, and what it needs."""
