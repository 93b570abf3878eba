"""Experiments of the lecture reasoning."""
