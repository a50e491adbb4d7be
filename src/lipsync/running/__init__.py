"""Many people's stages side by side, here or on a Ray cluster: `lipsync run`."""
