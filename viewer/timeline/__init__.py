"""The timeline of a trace: which rows there are, how they hang together, and where their bars lie."""
