"""How much of the configuration the node honours, and the proof that each claim can fail."""
