"""What strangers see first: the home page, and the trace that it shows."""
