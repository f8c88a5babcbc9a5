"""Training of the judge, which reads secrets from pictures."""
