"""Chaos: whatever can die dies, whatever can be paused is paused, every connection breaks, the
broker forgets; then the same proof as the soak's."""
