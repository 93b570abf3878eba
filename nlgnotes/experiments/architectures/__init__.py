"""Experiments of the lecture architectures."""
