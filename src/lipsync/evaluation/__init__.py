"""Held-out metrics, the pictures and curves that go with them."""
