"""Experiments of the lecture in-context-learning."""
