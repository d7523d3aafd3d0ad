"""Training of potentials on a task's training molecules."""
