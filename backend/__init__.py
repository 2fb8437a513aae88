"""Everything of watchfloor that works without a screen."""
