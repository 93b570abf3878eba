"""Experiments on generic replies, of the lecture degeneration."""
