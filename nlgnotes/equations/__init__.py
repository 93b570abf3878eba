"""Equations as pure functions of tensors: they see no model, optimiser or device."""
