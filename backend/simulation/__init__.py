"""The pipeline under a virtual clock: storms, outages and whole days, the same by the same seed."""
