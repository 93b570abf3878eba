"""The experiments of the lectures, one folder for each lecture that has a long one."""
