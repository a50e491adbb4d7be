"""Trained networks and exemplars as an avatar: ONNX, checked against PyTorch, and what it needs."""
