"""Due events: what has to happen at a time."""
