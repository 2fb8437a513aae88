"""The fields of an OCSF event that its head needs: decoded straight from JSON, or read tolerantly.

Names and nesting are OCSF 1.x; of other fields nothing is decoded.
"""

import msgspec

from backend.alerts.fields import (
    LONG_CHARS,
    TITLE_CHARS,
    Object,
    dig,
    endpoint,
    first,
    integer,
    mapping,
    text,
)


class Product(msgspec.Struct, gc=False):
    """`metadata.product`."""

    name: str | None = None
    vendor_name: str | None = None


class Metadata(msgspec.Struct, gc=False):
    """`metadata`."""

    product: Product | None = None
    event_code: str | None = None
    uid: str | None = None


class Analytic(msgspec.Struct, gc=False):
    """The rule: `finding_info.analytic`."""

    uid: str | None = None
    name: str | None = None


class Finding(msgspec.Struct, gc=False):
    """`finding_info`, in class 2001 `finding`."""

    uid: str | None = None
    title: str | None = None
    analytic: Analytic | None = None


class OcsfEndpoint(msgspec.Struct, gc=False):
    """A network endpoint or a device."""

    ip: str | None = None
    port: int | None = None
    hostname: str | None = None
    name: str | None = None


class User(msgspec.Struct, gc=False):
    """`user`."""

    name: str | None = None


class Actor(msgspec.Struct, gc=False):
    """`actor`."""

    user: User | None = None


class Evidence(msgspec.Struct, gc=False):
    """One of `evidences[]`."""

    src_endpoint: OcsfEndpoint | None = None
    dst_endpoint: OcsfEndpoint | None = None
    device: OcsfEndpoint | None = None
    actor: Actor | None = None
    user: User | None = None


class OcsfEvent(msgspec.Struct, gc=False):
    """What the head of a finding is made of."""

    class_uid: int
    category_uid: int
    severity_id: int | list[object] | None = None
    severity: str | None = None
    time: int | float | str | None = None
    time_dt: str | None = None
    message: str | None = None
    status: str | None = None
    status_id: int | None = None
    status_code: str | None = None
    metadata: Metadata | None = None
    finding_info: Finding | None = None
    finding: Finding | None = None
    src_endpoint: OcsfEndpoint | None = None
    dst_endpoint: OcsfEndpoint | None = None
    device: OcsfEndpoint | None = None
    user: User | None = None
    actor: Actor | None = None
    evidences: list[Evidence] | None = None


decoder = msgspec.json.Decoder(OcsfEvent)
"""The fast path; raises `msgspec.MsgspecError` where a field has an unexpected type."""


def tolerant(obj: Object, class_uid: int) -> OcsfEvent:
    """The same fields as the typed decoder gives, from an object whose fields have any type."""
    evidence = mapping(obj.get("evidences"))
    metadata = mapping(obj.get("metadata"))
    rating = obj.get("severity_id")
    when = first(obj.get("time"))
    return OcsfEvent(
        class_uid=class_uid,
        category_uid=integer(obj.get("category_uid")),
        severity_id=rating if isinstance(rating, list) else (None if rating is None else integer(rating, -1)),
        severity=text(obj.get("severity"), 64) or None,
        time=when if isinstance(when, int | float | str) else None,
        time_dt=text(obj.get("time_dt"), 64) or None,
        message=text(obj.get("message"), LONG_CHARS),
        status=text(obj.get("status")),
        status_id=integer(obj.get("status_id")),
        status_code=text(obj.get("status_code")),
        metadata=Metadata(
            Product(text(dig(metadata, "product.name")), text(dig(metadata, "product.vendor_name"))),
            text(metadata.get("event_code")),
            text(metadata.get("uid")),
        ),
        finding_info=_finding(mapping(obj.get("finding_info"))),
        finding=_finding(mapping(obj.get("finding"))),
        src_endpoint=_endpoint(obj.get("src_endpoint")),
        dst_endpoint=_endpoint(obj.get("dst_endpoint")),
        device=_endpoint(obj.get("device")),
        user=User(text(dig(obj, "user.name"))),
        actor=Actor(User(text(dig(obj, "actor.user.name")))),
        evidences=[
            Evidence(
                _endpoint(evidence.get("src_endpoint")),
                _endpoint(evidence.get("dst_endpoint")),
                _endpoint(evidence.get("device")),
                Actor(User(text(dig(evidence, "actor.user.name")))),
                User(text(dig(evidence, "user.name"))),
            )
        ],
    )


def _finding(found: Object) -> Finding:
    analytic = mapping(found.get("analytic"))
    return Finding(
        text(found.get("uid")),
        text(found.get("title"), TITLE_CHARS),
        Analytic(text(analytic.get("uid")), text(analytic.get("name"))),
    )


def _endpoint(value: object) -> OcsfEndpoint | None:
    found = mapping(value)
    if not found:
        return None
    ip, number = endpoint(found.get("ip"), found.get("port"))
    return OcsfEndpoint(ip, number, text(found.get("hostname")), text(found.get("name")))
