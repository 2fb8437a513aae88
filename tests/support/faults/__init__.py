"""Every fault of a model that the product promises to take, spoken over every vendor's wire.

`streams` has the faults of one call with what its provider must make of them, `answers` those that the whole
engine must bring to a verdict; `cells` plays one of them over one wire, and tells what came of it and when.
The tests check each cell; `python -m tests.support.fault_table` prints them all as a table.
"""
