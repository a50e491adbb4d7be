"""Speech encoders: sound -> one row of features per video frame."""
