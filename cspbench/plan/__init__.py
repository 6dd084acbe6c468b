"""The plan: cases, the suites that list them, and the labels of cases in reports."""
