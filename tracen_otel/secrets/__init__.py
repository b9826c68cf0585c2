"""What secrets look like in a text, and where they are: patterns and searches, in plain Python."""
