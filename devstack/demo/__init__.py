"""The demo: a lunch hour with faults and killed workers, and the proof that no cent went astray."""
