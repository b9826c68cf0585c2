"""Copies and checks of whole stores."""
