"""Instruction tuning: new inputs, new templates and new clusters of tasks."""
