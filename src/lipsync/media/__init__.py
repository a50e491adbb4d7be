"""Pictures and sound: the clock, decoding, encoding, and bringing a source onto the clock."""
