"""`tracen doctor`: what is wrong with a set-up, found by looking at each link from a variable to a page."""
