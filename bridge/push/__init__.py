"""`tracen push`: traces out of files, of this store and of pages elsewhere, delivered to another Tracen endpoint."""
