"""Somebody else's coins: an open cluster interface, a miner in a pod, and a way out of the container."""

from collections.abc import Iterator
from random import Random

from backend.sources.demo.draft import Beat, Rule, repeated
from backend.sources.demo.eve import EveAlert
from backend.sources.demo.ocsf import KEELSON, STRATOSCOPE, Finding, Proc
from backend.sources.demo.world import World, hex_string, outside_domain, outside_ip

OPEN_API = Rule("SC-410", "Kubernetes API allowed anonymous request", 2, ("T1190/TA0001",))
POD = Rule("KR-101", "Anonymous user created a workload", 3, ("T1610/TA0002",))
MINER = Rule("KR-150", "Cryptocurrency miner process in container", 4, ("T1496.001/TA0040",))
STRATUM = Rule(
    "9100701",
    "NDR COINMINER Stratum pool login in cleartext",
    3,
    ("T1496.001/TA0040",),
    "Crypto Currency Mining Activity Detected",
)
ESCAPE = Rule(
    "KR-310",
    "Container escape via mounted runtime socket",
    5,
    ("T1611/TA0004",),
    "A process in the container now acts as root on the node, outside every limit of its pod.",
)
DAEMON = Rule("KR-320", "Privileged DaemonSet created in kube-system", 4, ("T1610/TA0002", "T1525/TA0003"))
LOAD = Rule("KR-080", "Node load far above its schedule", 2, ("T1496.001/TA0040",))
EVICTED = Rule("KR-900", "Workload evicted by admission policy", 1)


def play(world: World, rng: Random) -> Iterator[Beat]:
    """Unfold over about four minutes."""
    control = world.host("k8s-cp-01")
    node = world.host(rng.choice(("k8s-node-01", "k8s-node-02", "k8s-node-03")))
    robot = world.service("svc-deploy")
    visitor, pool, pool_name = outside_ip(rng), outside_ip(rng), outside_domain(rng)
    pod, digest = f"metrics-proxy-{hex_string(rng, 5)}", hex_string(rng, 64)
    image = f"registry.{pool_name}/tools/metrics:latest"
    container = {"container": {"name": pod, "image": {"name": image}, "orchestrator": "kubernetes"}}

    def inside(rule: Rule, name: str, cmd_line: str, parent: str, action: str = "Allowed") -> Finding:
        return Finding(
            product=KEELSON,
            rule=rule,
            host=node,
            user=robot,
            action=action,
            extra=container,
            proc=Proc(name, f"/opt/{name}", cmd_line, parent, digest),
            resource=("Pod", pod),
        )

    yield Beat(
        0,
        Finding(
            product=STRATOSCOPE,
            rule=OPEN_API,
            host=control,
            src=visitor,
            api="eks:Describe",
            resource=("Cluster", "demo-prod-1"),
        ),
    )
    yield Beat(
        24,
        Finding(
            product=KEELSON,
            rule=POD,
            host=control,
            src=visitor,
            resource=("Pod", pod),
            extra=container,
            message=f"system:anonymous created {pod} from {image}",
        ),
    )
    yield Beat(58, inside(MINER, "mtrcs", f"/opt/mtrcs -o {pool_name}:3333 -u wallet.{pod} --donate 0", "sh"))
    yield from repeated(EveAlert(rule=STRATUM, src=node.ip, dst=pool, dport=3333), 70, 22, 5)
    yield Beat(112, inside(LOAD, "mtrcs", "/opt/mtrcs", "sh"))
    yield Beat(
        150,
        inside(
            ESCAPE, "docker", "docker -H unix:///var/run/docker.sock run --privileged -v /:/host sh", "sh"
        ),
    )
    yield Beat(
        196,
        Finding(
            product=KEELSON,
            rule=DAEMON,
            host=control,
            src=node.ip,
            user=robot,
            extra=container,
            resource=("DaemonSet", "kube-system/node-agent"),
        ),
    )
    yield Beat(236, inside(EVICTED, "mtrcs", "/opt/mtrcs", "sh", "Blocked"))
