"""Machines on any kernel."""
