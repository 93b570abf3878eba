"""Training: the loop, and the objectives that are minimised with it."""
