"""Experiments of the lecture generic-replies."""
