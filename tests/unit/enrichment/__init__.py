"""Enrichers and their budget."""
