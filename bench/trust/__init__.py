"""What `fidelity.py` measures and how it judges: trials, rules of other tools, the page."""
