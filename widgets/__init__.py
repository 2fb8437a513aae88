"""Reusable Textual widgets: each shows plain data it is given and knows nothing of where it came from."""
