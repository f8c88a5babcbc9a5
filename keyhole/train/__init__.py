"""Training of targets, of defences that are trained into them, of the judge and of priors."""
