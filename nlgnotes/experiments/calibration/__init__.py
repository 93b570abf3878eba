"""Experiments of the lecture calibration."""
