"""Networks and layers that several rooms build with."""
