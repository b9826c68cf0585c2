"""Other forms of a trace page, each a pure function: what the page knows in, text or bytes out."""
