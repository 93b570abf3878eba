"""Experiments of the lecture repetition."""
