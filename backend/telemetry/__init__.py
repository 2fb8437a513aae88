"""Counters and latency histograms, cheap enough for the hot path."""
