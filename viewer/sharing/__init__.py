"""Who may see a trace, and what its owner has masked in it: the controls, and what they do."""
