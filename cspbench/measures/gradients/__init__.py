"""Gradient combination: which terms take part in each update, and how alike the gradients are."""
