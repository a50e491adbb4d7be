"""Is a recording fit to be trained on? Figures, a verdict on each, and what to do about it."""
