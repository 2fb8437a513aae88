"""The durable store: inbox, queue, verdicts, outbox, cost ledger, audit."""
