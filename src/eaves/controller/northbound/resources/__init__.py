"""One module for each family of objects: what a write of it looks up, completes and refers to."""
