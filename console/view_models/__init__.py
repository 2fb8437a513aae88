"""From the engine's types to what widgets draw; every text passes `widgets.safe.shown` here."""
