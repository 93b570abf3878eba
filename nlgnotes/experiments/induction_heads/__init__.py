"""Experiments of the lecture induction-heads."""
