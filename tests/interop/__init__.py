"""Programs of others in front of Tracen."""
