"""Whether a short question to a small model pays in a lane: what it saves against what it costs.

It pays while `share accepted * price of the planned call > price of the short question`. Prices are dollars,
the share is of the latest questions. Where it does not pay it rests, but for a probe now and then, by which
it comes back when times have changed.
"""

import structlog

PRIOR_SHARE = 0.5
"""Share accepted before anything is known: as likely as not …"""
PRIOR_ASKED = 8.0
"""… with the weight of so many questions, which fades like those that were asked. Until it
rests with nothing accepted at all, at most two and a half planned calls' price is spent, whatever a question
costs: 11 questions at a fifth of the price, 25 at a tenth, 45 where it is less."""
WINDOW = 50.0
"""Questions the measured share reaches back over: a change of rules or of models shows within the hour."""
LEAST_SHARE = 0.05
"""Even where it costs next to nothing one question in twenty must do: it takes time and a slot."""
PROBE_EVERY = 25
"""While it rests, one alert in so many is asked about all the same: 4 % of what the questions would cost. One
whose answer did is followed by the next at once."""

log = structlog.get_logger("analysis")


class Paying:
    """One lane's account of its short questions. Used on one loop only."""

    def __init__(self, lane: str) -> None:
        """`lane` names it in the log."""
        self._lane = lane
        self._asked = PRIOR_ASKED
        self._accepted = PRIOR_SHARE * PRIOR_ASKED
        self._paid = 0.0
        """Questions whose price is known, fading like `_asked`, and their dollars."""
        self._usd = 0.0
        self._passed = 0
        self.planned_usd = 0.0
        """What one analysis by the lane's planned model came to lately; 0 until there was one."""
        self.resting = False
        """It did not pay when it was last looked at."""

    @property
    def share(self) -> float:
        """The share of questions whose answer will do, 0 to 1, as far as that is known."""
        return self._accepted / self._asked

    def pays(self, planned_usd: float, question_usd: float) -> bool:
        """Whether the next question is expected to save more than it costs.

        `planned_usd` is the price of the call it may spare; `question_usd` what a question would cost by
        estimate, used until one was paid for.
        """
        cost = self._usd / self._paid if self._paid else question_usd
        return self.share > LEAST_SHARE and self.share * planned_usd > cost

    def wanted(self, planned_usd: float, question_usd: float) -> bool:
        """Whether to ask about the alert at hand: it pays, or a probe is due."""
        pays = self.pays(planned_usd, question_usd)
        if pays == self.resting:
            self.resting, self._passed = not pays, 0
            state = "resting" if self.resting else "asking"
            log.info("short questions", lane=self._lane, state=state, share=round(self.share, 2))
        if pays:
            return True
        self._passed += 1
        if planned_usd <= 0 or self._passed < PROBE_EVERY:
            return False
        self._passed = 0
        return True

    def answered(self, *, accepted: bool, usd: float) -> None:
        """A question was paid for, and its answer did, or did not."""
        kept = 1.0 - 1.0 / WINDOW
        self._asked = self._asked * kept + 1.0
        self._accepted = self._accepted * kept + (1.0 if accepted else 0.0)
        self._paid = self._paid * kept + 1.0
        self._usd = self._usd * kept + usd
        if accepted:
            self._passed = PROBE_EVERY  # where it rests: the next one is a probe too

    def followed(self, usd: float) -> None:
        """An alert was analysed by the planned model, alone and in full, for so many dollars."""
        if usd > 0:
            mean = self.planned_usd or usd
            self.planned_usd = mean + (usd - mean) / WINDOW
