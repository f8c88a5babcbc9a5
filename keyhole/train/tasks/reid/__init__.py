"""Training of targets that tell identities apart by an embedding."""
