"""The lecture on proximal policy optimisation."""
