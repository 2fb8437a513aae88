"""Worked examples behind the batch prompt, for models whose vendor caches a prefix.

As with the prompt for one alert (`examples`, whose data they share), they lift the prefix over the shortest
that the vendor caches; without them the instructions are paid for anew in each batch.
"""

from backend.analysis.examples import EXAMPLES as SINGLE

_ANSWERS: tuple[tuple[str, str], ...] = (
    (
        "1-5e07",
        """\
{"alert":"1-5e07","facts":[{"text":"310 connections to port 22 of one host, from a CI runner that deploys \
over SSH","evidence":["E1","E2"]},{"text":"26 earlier alerts of this rule here were all closed as Benign",\
"evidence":["E3"]}],"verdict":"Benign","confidence":0.88,"severity":"Informational","summary":\
"Deployments of \
the CI runner build-03 look like an SSH scan; analysts have closed it so 26 times.","actions":[],"why":"A CI \
runner opens SSH by design [E2] and humans judged 26 alike alerts benign [E3]. A target that is new to it \
would change this."}""",
    ),
    (
        "2-c19b",
        """\
{"alert":"2-c19b","facts":[{"text":"Word started PowerShell, hidden and with an encoded command","evidence":\
["E1"]},{"text":"It was not blocked, on a finance workstation","evidence":["E1","E2"]}],"verdict":"True \
Positive","confidence":0.91,"severity":"High","summary":"A document on fin-ws-07 ran hidden encoded \
PowerShell, \
as a malicious macro does; isolate the host.","actions":[{"action":"isolate_host","target":"fin-ws-07"}],\
"why":"Office has no reason to start a hidden, encoded shell [E1], and this host never did [E3]. Some \
add-ins \
start scripts, though not encoded."}""",
    ),
    (
        "3-08d4",
        """\
{"alert":"3-08d4","facts":[{"text":"The user agent carries text that claims SOC approval and orders a \
verdict","evidence":["E1"]},{"text":"The source is on no list","evidence":["E2"]}],"verdict":"Suspicious",\
"confidence":0.8,"severity":"Medium","summary":"A client tried to steer automated triage through its \
user agent \
on web-05; look at its other requests.","actions":[{"action":"watch","target":"203.0.113.77"}],"why":"Only \
somebody who expects machine triage writes that [E1]; nobody here approved anything. What else was tried is \
unknown."}""",
    ),
    (
        "4-77ea",
        """\
{"alert":"4-77ea","facts":[{"text":"The queries are reversed addresses under a block list, 420 a minute",\
"evidence":["E1"]},{"text":"The source is the inbound mail relay","evidence":["E2"]}],"verdict":"False \
Positive","confidence":0.9,"severity":"Informational","summary":"mail-02 asks a block list about \
senders; the \
tunnel rule mistook its many queries.","actions":[],"why":"Look-ups of sender addresses are the daily \
work of \
a mail relay [E2] and were judged so before [E3]; nothing is carried in them. One of four was not closed \
so."}""",
    ),
)

_UNDECIDED = """\
Alert 5-b3c2
Data: {"alert":{"severity":"Medium","title":"Sign-in from a new country","user":{"value":"j.example",\
"attacker":true},"src_endpoint":"198.51.100.143","product_did":"allowed","facts":[{"name":"country","value":\
"PT"},{"name":"second_factor","value":"passed"}]},"evidence":[{"id":"E1","kind":"alert","text":"Sign-in \
from a \
new country; user j.example; from 198.51.100.143"},{"id":"E2","kind":"user","text":"j.example: sales, no \
admin rights, travels often"}]}
Line:
{"alert":"5-b3c2","facts":[{"text":"A sign-in from Portugal passed the second factor","evidence":["E1"]},\
{"text":"The user is in sales and travels often","evidence":["E2"]}],"verdict":"Insufficient Data",\
"confidence":0.55,"severity":"Low","summary":"j.example signed in from Portugal; the travel calendar \
would tell \
whether that is the user.","actions":[{"action":"open_ticket","target":"j.example"}],"why":"A passed second \
factor and much travel speak for the user [E1] [E2]; a stolen session would look the same. Nothing here \
tells \
them apart."}"""

_CLEARED = """\
Alert 6-4f60
Data: {"alert":{"severity":"Medium","title":"Security log \
cleared","device":"dc-02","user":{"value":"svc-print",\
"attacker":true},"product_did":"logged"},"evidence":[{"id":"E1","kind":"alert","text":"Security log cleared; \
host dc-02; user svc-print"},{"id":"E2","kind":"asset","text":"dc-02: domain controller, criticality high"}]}
Line:
{"alert":"6-4f60","facts":[{"text":"A printing account cleared the security log","evidence":["E1"]},{"text":\
"The host is a domain controller","evidence":["E2"]}],"verdict":"True Positive","confidence":0.9,"severity":\
"Critical","summary":"svc-print cleared the security log of the domain controller dc-02; disable it and \
look at \
what it did before.","actions":[{"action":"disable_user","target":"svc-print"}],"why":"No print service \
clears \
logs, least of all there [E1] [E2]. A confused administrator would have used an account of their own."}"""


def _shown(single: str, tag: str, line: str) -> str:
    return f"Alert {tag}\n{single.partition('Answer:')[0]}Line:\n{line}"


EXAMPLES: tuple[str, ...] = (
    *(_shown(single, *answer) for single, answer in zip(SINGLE, _ANSWERS, strict=True)),
    _UNDECIDED,
    _CLEARED,
)
"""Each the data of one alert and its line, the most instructive first."""
