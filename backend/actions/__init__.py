"""One file per sink that verdict records are delivered to."""
