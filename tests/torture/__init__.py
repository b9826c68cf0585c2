"""What is acknowledged stays, whatever happens to the server: `python -m tests.torture`, or `make torture`."""
