"""Experiments on positions, of the lecture architectures."""
