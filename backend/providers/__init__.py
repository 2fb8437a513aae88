"""One file per LLM vendor: a request in, a stream of chunks out."""
