"""Visemes from speech: corpus, network, metrics, streaming export, timeline."""
