"""Networks, their sizes, and what a step of them costs."""
