"""The raw lane: events that no product called an alert. Sigma rules first, then templates of log lines.

What matches a rule, is a new kind of line, or comes far more often than it used to becomes an alert of the
`pattern` format; everything else stays what it was, a count.
"""
