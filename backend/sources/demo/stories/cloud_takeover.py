"""Stuffed credentials, a tired thumb on the MFA prompt, an administrator role, a key, an emptied bucket."""

from collections.abc import Iterator
from random import Random

from backend.sources.demo.draft import Beat, Rule, repeated
from backend.sources.demo.inhouse import Gatehouse
from backend.sources.demo.ocsf import STRATOSCOPE, Finding
from backend.sources.demo.world import CLOUD_ACCOUNT, World, outside_ip

STUFFING = Rule("GH-101", "Failed sign-ins for many accounts from one address", 2, ("T1110.004/TA0006",))
NEW_NETWORK = Rule("GH-115", "Successful sign-in from network new for user", 3, ("T1078.004/TA0001",))
DENIED = Rule("GH-130", "MFA push denied repeatedly", 3, ("T1621/TA0006",))
APPROVED = Rule(
    "GH-131",
    "MFA push approved after a run of denials",
    4,
    ("T1621/TA0006", "T1078.004/TA0001"),
    "Approvals after many denials are mostly given to make the prompts stop.",
)
GRANT = Rule(
    "SC-310",
    "Administrator policy self-attached by user",
    5,
    ("T1098.003/TA0003",),
    "The caller attached an administrator policy to itself outside change control.",
)
KEY = Rule("SC-312", "Long-lived access key created for another identity", 4, ("T1098.001/TA0003",))
TRAIL = Rule("SC-320", "Cloud audit logging stopped", 4, ("T1562.008/TA0005",))
SHARED = Rule("SC-331", "Bucket policy shares data with external account", 3, ("T1537/TA0010",))
READ = Rule(
    "SC-340",
    "Anomalous bulk object reads with newly created key",
    5,
    ("T1530/TA0009",),
    "More than a hundred times the usual read volume of this bucket, from an address outside the company.",
)
DISABLED = Rule("SC-900", "Access key disabled by automation", 1)


def play(world: World, rng: Random) -> Iterator[Beat]:
    """Unfold over about five minutes."""
    victim = rng.choice(world.people("engineering"))
    robot = world.service("svc-deploy")
    stuffer, intruder = outside_ip(rng), outside_ip(rng)
    key_id = f"AKIADEMO{rng.randrange(10**12):012d}"
    bucket = rng.choice(("demo-customer-exports", "demo-design-archive", "demo-billing-lake"))
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

    def sign_in(rule: Rule, src: str, outcome: str, count: int = 1) -> Gatehouse:
        return Gatehouse(rule=rule, user=victim, src=src, outcome=outcome, agent=agent, count=count)

    def cloud(rule: Rule, api: str, kind: str, uid: str, action: str = "Allowed") -> Finding:
        return Finding(
            product=STRATOSCOPE,
            rule=rule,
            user=victim,
            src=intruder,
            api=api,
            resource=(kind, uid),
            action=action,
        )

    for second, tried in ((0, 61), (14, 180), (30, 344)):
        yield Beat(second, Gatehouse(rule=STUFFING, user=None, src=stuffer, count=tried, agent="okhttp/4.9"))
    yield Beat(52, sign_in(NEW_NETWORK, intruder, "SUCCESS"))
    yield from repeated(sign_in(DENIED, intruder, "DENIED", 5), 66, 9, 3)
    yield Beat(101, sign_in(APPROVED, intruder, "SUCCESS"))
    yield Beat(
        132,
        cloud(
            GRANT, "iam:AttachUserPolicy", "AwsIamUser", f"arn:aws:iam::{CLOUD_ACCOUNT}:user/{victim.name}"
        ),
    )
    yield Beat(
        168,
        cloud(KEY, "iam:CreateAccessKey", "AwsIamUser", f"arn:aws:iam::{CLOUD_ACCOUNT}:user/{robot.name}"),
    )
    yield Beat(
        192,
        cloud(
            TRAIL,
            "cloudtrail:StopLogging",
            "AwsCloudTrailTrail",
            f"arn:aws:cloudtrail:eu-west-1:{CLOUD_ACCOUNT}:trail/main",
        ),
    )
    yield Beat(226, cloud(SHARED, "s3:PutBucketPolicy", "AwsS3Bucket", f"arn:aws:s3:::{bucket}"))
    yield Beat(
        284,
        Finding(
            product=STRATOSCOPE,
            rule=READ,
            user=robot,
            src=intruder,
            api="s3:GetObject",
            resource=("AwsS3Bucket", f"arn:aws:s3:::{bucket}"),
            action="Allowed",
            message=f"{rng.randint(9, 40)} GB read from {bucket} with {key_id}",
        ),
    )
    yield Beat(
        316,
        Finding(
            product=STRATOSCOPE,
            rule=DISABLED,
            user=robot,
            src=intruder,
            api="iam:UpdateAccessKey",
            resource=("AwsIamAccessKey", key_id),
            action="Blocked",
        ),
    )
