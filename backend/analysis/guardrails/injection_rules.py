"""The phrases that give a prompt injection away, by kind, as regular expressions.

`WORDS` are read on normalised text (`injection._plain`), `MARKERS` and `FORGED` on the text as it stands.
Gaps are bounded and never cross a sentence, so that each pattern costs a bounded amount per character and two
unrelated words do not make a hit.
"""

import re

from backend.analysis.guardrails.injection_phrases import Phrases

_GAP = r"[^.!?\n]{0,40}?"
_MODEL = (
    r"(?:ai|llm|language model|assistant|chat ?bot|chat ?gpt|gpt(?:-?\d\w*)?|claude|copilot|gemini"
    r"|soc analyst)"
)
_RULES = (
    r"(?:instructions?|prompts?|rules?|guidelines?|directions?|directives?|polic(?:y|ies)|programming|orders"
    r"|commands|inputs?)"
)
_HARMLESS = (
    r"(?:benign|false[ _-]?positives?|harmless|not malicious|non[- ]malicious|no threat|not a threat"
    r"|legitimate|authori[sz]ed|disregard|insufficient data|low severity|informational|resolved)"
)
_ALERT = r"(?:alerts?|incidents?|findings?|detections?|events?|activity|cases?)"

PHRASES: dict[str, tuple[str, ...]] = {
    # Overrule what the reader was told before.
    "override": (
        r"\b(?:ignore|disregard|forget|override|overrule|bypass|do not follow|don't follow|stop following"
        rf"|cease|set aside|neglect|supersedes?)\b{_GAP}\b(?:previous|prior|above|earlier|preceding|existing"
        rf"|former|all|any|your|system|these|those|initial|original)\b{_GAP}\b{_RULES}\b",
        r"\b(?:ignore|disregard|forget) (?:everything|anything|all(?: of (?:this|that|the above))?)\b"
        rf"{_GAP}\b(?:above|before|previous(?:ly)?|said|told|instruct\w*|know)\b",
        r"\b(?:new|updated|revised|real|actual|additional|priority|urgent) (?:system )?"
        rf"(?:instructions?|prompt|directives?|task)\s*(?:\:|follow|for (?:the )?{_MODEL}\b)",
        r"\boverride (?:mode|command|code|protocol|instruction)\b",
    ),
    # Give the reader another role, or free it from its own.
    "role": (
        rf"\byou are (?:now |no longer |going to (?:act|be) |about to |a |an |the )?{_GAP}\b(?:{_MODEL}|dan"
        r"|jailbroken|unrestricted|unfiltered|uncensored|amoral|role ?play\w*|simulat\w+|terminal"
        r"|character)\b",
        r"\byou are (?:now|no longer) (?:an? |the |going |in |able |bound |allowed |required )",
        r"\b(?:pretend|imagine|simulate|act|behave|respond|role ?play) "
        r"(?:to be|that you are|you(?:'re| are)|as (?:if|though)? ?(?:you|an? |the |my ))"
        rf"{_GAP}\b(?:{_MODEL}|were|are|have|can|free|without|developer|admin\w*|expert|character|terminal"
        r"|machine|dan|person|hacker|writer|system|bot|interpreter|generator|engine|human)\b",
        r"\b(?:i want|i need|i'd like|i would like) you to "
        r"(?:act|add|answer|be|behave|ignore|pretend|respond|write)\b",
        r"\b(?:developer|god|jailbreak|dan|debug|maintenance|admin|sudo|test|unrestricted)[ _]mode ?:? ?"
        r"(?:is )?(?:enabled|activated|on|engaged|now)\b",
        r"\bsimulate (?:developer|dan|jailbreak) mode\b",
        r"\bfrom now(?: on)?,? (?:you|your|act|respond|answer|ignore)\b",
        r"\b(?:do anything now|stay in character|break character|in character as|take on the role of)\b",
        r"\b(?:no|without|any) (?:ethical|moral|content) (?:and \w+ )?"
        r"(?:guidelines|restrictions|filters|values)\b",
    ),
    # Speak to a model by name.
    "address": (
        r"\b(?:dear|hey|hello|hi|attention|note (?:to|for)|message (?:to|for)|instructions? (?:to|for)"
        rf"|reminder (?:to|for)|important (?:for|to))[ ,:]+(?:the |any |all )?(?:{_GAP}\b)?"
        rf"{_MODEL}s?\b[ ,:!.]",
        rf"\b(?:if|when|as) you(?:'re| are) an? {_MODEL}\b",
        r"\b(?:as|being) an? (?:ai|llm|large|language) ?(?:language )?model\b",
        r"\b(?:ai|llm|automated|security) (?:triage|analyst|assistant|agent|model)s?"
        r"\s*(?:,|:|should|must|please)",
    ),
    # Dictate the verdict.
    "verdict": (
        r"\b(?:mark|classif(?:y|ied)|label|treat|report|close|triage|rate|respond|answer|reply|conclude"
        r"|return"
        rf"|set|output|declare|categori[sz]e|assign|deem)\b(?! by\b){_GAP}\b(?:as|with|to|verdict|is|that|:)"
        rf"\s*['\"*]*(?:an? |the |verdict |severity |is |be |as )*['\"*]*{_HARMLESS}\b",
        r"\b(?:the )?(?:correct|right|final|only|expected|true) (?:verdict|classification|answer|severity)"
        rf"\s*(?:is|:|=)\s*['\"]?{_HARMLESS}",
        rf"\bthis {_ALERT} (?:is|was|has been)(?: already| confirmed| known)*(?: to be)?"
        rf"(?: an?)? (?:{_HARMLESS}|approved|pre-?approved|whitelisted|reviewed)\b",
        r"\b(?:lower|reduce|downgrade|set) the (?:severity|verdict|priority|risk) (?:of|to|for)\b",
        rf"\b(?:close|dismiss|suppress|drop|ignore|disregard) (?:this|the|all(?: of)?(?: these)?) "
        rf"(?:\w+ )?{_ALERT}\b",
    ),
    # Ask for silence, or for what the reader was told.
    "secrecy": (
        r"\b(?:do not|don't|never|must not) (?:mention|reveal|tell|disclose|report|alert|escalate|flag|warn"
        r"|notify)\b[^.\n]{0,40}\b(?:this|these|user|analyst|soc|anyone|human|team|instruction|message"
        r"|note|it)\b",
        r"\b(?:reveal|repeat|print|show|output|display|leak|disclose|tell me|give me|summari[sz]e"
        rf"|what (?:is|are|was))\b{_GAP}\b(?:system prompt|(?:your|the|initial|hidden|original|secret"
        r"|previous) (?:system )?(?:instructions|prompt|guidelines|rules)\b)",
    ),
    # Demand a certain output whatever the task was.
    "command": (
        r"\b(?:respond|reply|answer|output|say|write|print|start|begin|end|finish)\b[^.\n]{0,30}\b(?:only"
        r"|exactly|just|nothing but|strictly|always)\b[^.\n]{0,30}\b"
        r"(?:with|the (?:word|following|text|phrase)|in|by|:)",
        r"\b(?:in|to|of|end|start|begin) (?:all |every |each )?(?:of )?your "
        r"(?:response|reply|replies|answer)s?\b",
        r"\b(?:respond|reply|answer) to (?:every|all|each|any) (?:prompts?|questions?|requests?|messages?)\b",
        r"\byour (?:new )?(?:task|job|goal|role|mission|purpose) (?:is|will be|now)\b",
        r"\byou (?:must|will|shall|should)(?: now| always| only| never| not)? (?:act|answer|comply|execute"
        r"|follow|ignore|include|obey|output|pretend|provide|refuse|reply|respond|reveal|send|write)\b",
        r"\b(?:before|instead of|after|while) (?:answering|responding|summari[sz]ing|analy[sz]ing|triaging"
        r"|completing)\b[^.\n]{0,60}\b(?:you|please|first|must|always|this|the)\b",
    ),
}

WORDS = Phrases(PHRASES)
"""Phrases by kind."""

MARKERS = re.compile(
    "|".join(
        (
            r"<\|[a-z_]{2,20}\|>|<\|?/?(?:im_start|im_end|start_of_turn|end_of_turn|eot_id)\|?>",
            r"\[/?INST\]|<</?SYS>>",
            r"</?(?:system|assistant|instructions?|system_prompt|user_query|admin)>",
            r"(?:^|\n)\s{0,8}(?:#{1,4} ?|\*\*|\[|-{2,4} ?)?(?:system(?: prompt| message| note| override)?"
            r"|assistant|(?:new )?instructions?|human)(?:\*\*|\])?:\s?(?-i:(?=[A-Z*'\"][a-z' ]))",
            r"#{2,4} ?(?:instructions?|system|response|human|assistant)\b",
            r"(?<!-)-{3,20} ?(?:end|begin|start|stop)[ a-z]{0,12}(?:alert|log|data|document|evidence"
            r"|input|context|prompt|user|system|email|text)[ a-z]{0,12}-{3}",
        )
    ),
    re.IGNORECASE,
)
"""Chat-template tokens and section marks that pretend a new turn or the end of the data."""

EXFILTRATE = re.compile(
    "|".join(
        (
            # A Markdown image or link whose address has a place for what is to be carried out.
            r"!\[[^\]\n]{0,80}\]\(\s{0,4}(?:https?:)?//[^)\n]{1,300}\)",
            r"\]\(\s{0,4}https?://[^)\n]{0,200}[?&][\w.-]{1,40}=\s?[\[{<$%][^)\n]{0,100}\)",
            r"\b(?:send|post|transmit|upload|forward|exfiltrate|append|submit|encode)\b[^.\n]{0,60}\b"
            r"(?:your|this|the|all|"
            r"these|previous) (?:\w+ ){0,2}(?:conversation|prompts?|instructions|context|analysis"
            r"|answers?|summar(?:y|ies)"
            r"|evidence|api keys?|credentials?|secrets?|findings)\b[^\n]{0,40}\b(?:to|as|into|in"
            r"|at)\b[^\n]{0,20}"
            r"(?:https?://|\burl\b|\bemail\b|\b[\w.-]{1,60}@[\w.-]{1,60}|\bbase64\b)",
        )
    ),
    re.IGNORECASE,
)
"""Ways to have an answer carry something out: images, addresses to fill in, orders to send."""

FORGED = re.compile(
    "|".join(
        (
            r"\b(?:begin|end) data [0-9a-f]{4,}",
            r"\"verdict\"\s{0,9}:\s{0,9}\"(?:benign|false positive|disregard|test"
            r"|insufficient data|duplicate)\"",
            r"\"facts\"\s{0,9}:\s{0,9}\[.{0,200}\"evidence\"\s{0,9}:\s{0,9}\[\"E\d",
        )
    ),
    re.IGNORECASE | re.DOTALL,
)
"""Our own delimiters guessed, or an answer in our form written in advance."""

_NEEDED: dict[str, tuple[tuple[tuple[str, ...], ...], ...]] = {
    "markers": (
        (("<",), ("|", ">")),
        (("inst]",),),
        (("system", "assistant", "instruction", "human"), (":",)),
        (("##",), ("instruction", "system", "response", "human", "assistant")),
        (("---",),),
    ),
    "exfiltrate": (
        (("](",), ("//",)),
        (
            ("send", "post", "transmit", "upload", "forward", "exfiltrate", "append", "submit", "encode"),
            (
                "conversation", "prompt", "instruction", "context", "analysis", "answer", "summar",
                "evidence", "api key", "credential", "secret", "finding",
            ),
        ),
    ),
    "forged": ((("begin data ", "end data "),), (('"verdict"', '"facts"'), (":",))),
}  # fmt: skip


def may_be(kind: str, lower: str) -> bool:
    """Whether text in lower case (`injection_phrases.folds_plainly`) holds what every such mark is made of.

    A tenth of the price of the search itself, which nearly no text is worth.
    """
    return any(all(any(one in lower for one in some) for some in way) for way in _NEEDED[kind])
