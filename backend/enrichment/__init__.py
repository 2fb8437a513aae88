"""Context for an alert: one file per kind, all asked at once inside one 100 ms budget."""
