"""Hostile inputs for every public function: ``PYTHONPATH=tests python -m hostile FLOOR``."""
