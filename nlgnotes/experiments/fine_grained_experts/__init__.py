"""Lecture ``fine-grained-experts``: who chooses, cut and shared experts, what sparsity costs."""
