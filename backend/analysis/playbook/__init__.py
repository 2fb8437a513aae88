"""The built-in rule-based analyst: no model, no network, deterministic; the last rung of every ladder."""
