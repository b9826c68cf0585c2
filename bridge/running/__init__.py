"""`tracen run`: a program with Tracen around it, which sees its spans and leaves everything else to it."""
