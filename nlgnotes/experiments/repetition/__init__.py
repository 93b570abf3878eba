"""Experiments on repetition, of the lecture degeneration."""
