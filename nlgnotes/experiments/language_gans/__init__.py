"""Experiments of the lecture language-gans."""
