"""The page that puts two traces side by side."""
