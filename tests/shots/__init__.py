"""Pictures of every kind of page for people to judge: `python -m tests.shots`."""
