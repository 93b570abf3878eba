"""Real text: the documentation of the installed packages, and byte-pair encoding."""
