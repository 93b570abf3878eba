"""How each shipped checkpoint and measurement is made: ``python -m nlgnotes.recipes NAME``."""
