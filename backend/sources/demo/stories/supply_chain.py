"""A poisoned dependency on a build runner: stolen deploy credentials and a release nobody built."""

from collections.abc import Iterator
from random import Random

from backend.sources.demo import eve
from backend.sources.demo.draft import Beat, Rule
from backend.sources.demo.eve import EveAlert
from backend.sources.demo.inhouse import Buildwarden
from backend.sources.demo.ocsf import KEELSON, STRATOSCOPE, Finding, Proc
from backend.sources.demo.world import CLOUD_ACCOUNT, World, hex_string, outside_domain, outside_ip

REGISTRY = Rule(
    "BW-011", "Dependency resolved from a registry new to this repository", 2, ("T1195.001/TA0001",)
)
INSTALL = Rule("BW-014", "Install script opened a network connection", 3, ("T1195.001/TA0001",))
SECRETS = Rule("KR-220", "Build job accessed cloud credentials file", 4, ("T1552.001/TA0006",))
POSTED = Rule(
    "9100601",
    "NDR EXFIL Environment variables in POST to newly registered domain",
    4,
    ("T1567/TA0010",),
    "Data Exfiltration",
)
ARTEFACT = Rule(
    "BW-030",
    "Release artefact differs from its reproducible build",
    5,
    ("T1195.002/TA0001",),
    "Two builds of the same commit should be equal byte for byte. This one holds an added module.",
)
KEY_USED = Rule(
    "SC-315", "Deploy key used from an address outside the build network", 3, ("T1078.004/TA0001",)
)
FORCED = Rule("BW-040", "Force push to a protected branch by the deploy account", 4, ("T1565.001/TA0040",))
HELD = Rule("BW-900", "Release withdrawn and quarantined", 1)


def play(world: World, rng: Random) -> Iterator[Beat]:
    """Unfold over about five minutes."""
    runner = world.host(rng.choice(("runner-01", "runner-02")))
    robot, git = world.service("svc-deploy"), world.host("git-01")
    drop, drop_ip, elsewhere = outside_domain(rng), outside_ip(rng), outside_ip(rng)
    repo = rng.choice(("portal", "telemetry-agent", "billing"))
    package = rng.choice(("left-trim", "color-utilz", "fast-yaml-lite"))
    job, digest = f"{repo}#{rng.randint(4000, 9000)}", hex_string(rng, 64)

    def build(rule: Rule, **detail: object) -> Buildwarden:
        return Buildwarden(rule=rule, host=runner, user=robot, repo=repo, job=job, detail=detail)

    yield Beat(0, build(REGISTRY, package=package, registry=f"https://npm.{drop}/"))
    yield Beat(28, build(INSTALL, package=package, dst_ip=drop_ip, dst_host=drop))
    yield Beat(
        70,
        Finding(
            product=KEELSON,
            rule=SECRETS,
            host=runner,
            user=robot,
            action="Allowed",
            file=("/home/build/.aws/credentials", ""),
            proc=Proc("node", "/usr/bin/node", f"node node_modules/{package}/postinstall.js", "npm"),
        ),
    )
    yield Beat(
        94,
        EveAlert(
            rule=POSTED,
            src=runner.ip,
            dst=drop_ip,
            dport=80,
            app="http",
            bytes_out=14_210,
            detail=eve.http(drop, "/collect", "node-fetch/3", method="POST", status=204),
        ),
    )
    yield Beat(
        134,
        build(ARTEFACT, sha256=digest, artefact=f"{repo}-{rng.randint(2, 6)}.{rng.randint(0, 30)}.tar.gz"),
    )
    yield Beat(
        176,
        Finding(
            product=STRATOSCOPE,
            rule=KEY_USED,
            user=robot,
            src=elsewhere,
            api="sts:GetCallerIdentity",
            resource=("AwsIamUser", f"arn:aws:iam::{CLOUD_ACCOUNT}:user/{robot.name}"),
        ),
    )
    yield Beat(
        224,
        Buildwarden(
            rule=FORCED,
            host=git,
            user=robot,
            repo=repo,
            job=job,
            detail={"src_ip": elsewhere, "branch": "main"},
        ),
    )
    yield Beat(272, build(HELD, sha256=digest))
