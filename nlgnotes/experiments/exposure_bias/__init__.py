"""Experiments of the lecture exposure-bias."""
