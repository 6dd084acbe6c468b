"""Gradient combination: the terms in each weight's update, and the similarity of gradients."""
