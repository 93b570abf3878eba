"""Natural language generation in small pieces: the package behind the lectures of the book."""
