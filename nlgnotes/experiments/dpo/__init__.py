"""Experiments of the lecture dpo."""
