"""Checks of everything a configuration names, done for real and without changing anything."""

from backend.doctor.report import Check
from backend.doctor.run import run_doctor

__all__ = ["Check", "run_doctor"]
