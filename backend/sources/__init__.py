"""Where records come from: one file a kind of source, all behind `backend.sources.base.Source`."""
