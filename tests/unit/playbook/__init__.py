"""The rule-based analyst."""
