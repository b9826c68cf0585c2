"""Fuzzing: whatever bytes arrive, a page comes out or a typed error.

`python -m tests.fuzz` searches, guided by coverage; `test_journey.py` replays the seeds without it.
"""
