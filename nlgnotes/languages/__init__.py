"""Synthetic languages whose exact likelihood is known."""
