"""Counting of operators in one pass on meta tensors, by torch's formulas, by thop and by ours."""
