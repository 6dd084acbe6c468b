"""What counts operators in one pass on meta tensors: torch's formulas, thop, and ours."""
