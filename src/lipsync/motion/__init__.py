"""Motion: from audio features to the expression of one person."""
