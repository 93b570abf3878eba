"""Experiments of the lecture rlhf."""
