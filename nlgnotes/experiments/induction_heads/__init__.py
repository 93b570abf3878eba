"""Experiments of the lecture positions."""
