"""The stages and how they are wired: ingest, route, enrich, analyse, act."""
