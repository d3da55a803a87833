"""The play: a pretend campus and its people, and the proof that no cent went astray. The demo, the
soak and the chaos stage it."""
