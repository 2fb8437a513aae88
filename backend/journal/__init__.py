"""The durable store: inbox, queue, verdicts, outbox, cost ledger, audit."""


class JournalError(Exception):
    """The journal can't do what was asked; the message says what, where and how to mend it, in one line."""
