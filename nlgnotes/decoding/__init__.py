"""Decoding: writing from a model by sampling or by beam search."""
