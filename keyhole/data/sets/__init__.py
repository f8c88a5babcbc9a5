"""Data sets in their owners' layouts, plain folders and zips, all behind one interface (`Collection`)."""
