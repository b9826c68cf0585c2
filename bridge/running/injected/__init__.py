"""What every Python of a program that is run loads first. Its folder is put on PYTHONPATH; nothing here is imported
by Tracen itself, and nothing here imports Tracen: that Python may be another one, with other packages.
"""
