"""Faults at every call by which the jobs of the workflow meet the disk, and what becomes of each."""
