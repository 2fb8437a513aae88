"""Tests of `backend.sources`."""
