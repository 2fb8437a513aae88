"""The demonstration feed: an invented company's shift, drawn from a seed, that never ends."""
