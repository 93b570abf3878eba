"""What the lecture on mixtures of experts measures."""
