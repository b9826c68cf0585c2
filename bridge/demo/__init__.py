"""Traces to look at: scenarios as data, told as different systems tell them. See `filling.Filling`."""
