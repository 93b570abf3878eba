"""What the lecture `reasoning` measures."""
