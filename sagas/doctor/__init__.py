"""`manage.py doctor`: each part of a running site looked at, each fault with its remedy."""
