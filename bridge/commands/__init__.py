"""The commands of `tracen`, a file each: options in, words and exit codes out; what they do is in what they call."""
