"""AWS's side of a Bedrock call: where it goes, who asks and how that is proved, and what its errors mean."""

import asyncio
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from backend.clock import Clock
from backend.providers.base import ErrorClass, Outcome
from backend.providers.config import CONNECT_TIMEOUT_S, KEY_VARIABLES, ProviderConfig, key_problem
from backend.providers.outcomes import FailedError, error, from_event, from_status, one_line, retry_after_s

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from botocore.session import Session

SERVICE = "bedrock"
"""The name requests are signed for; the host's is `bedrock-runtime`."""
BEARER_VARIABLE = KEY_VARIABLES["bedrock"]
METADATA_TIMEOUT_S = 1
"""For an answer of the instance metadata service, asked once: off AWS nobody answers there."""
READ_TIMEOUT_S = 10.0
"""For an answer of the services that give credentials for roles and single sign-on."""
ASK_AGAIN_S = 30.0
"""Without credentials the chain is not walked again before this, its last links take seconds to say no."""

_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}")
_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:([a-z0-9-]+):")
_AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")

# Names of exceptions, in HTTP answers and in frames, in lower case and without their last word.
_CLASSES: dict[str, ErrorClass] = {
    "throttling": "rate_limited",
    "toomanyrequests": "rate_limited",
    "servicequotaexceeded": "rate_limited",
    "modelnotready": "unavailable",
    "serviceunavailable": "overloaded",
    "internalserver": "server",
    "internalfailure": "server",
    "modelerror": "server",
    "modelstreamerror": "server",
    "modeltimeout": "server",
    "accessdenied": "auth",
    "unrecognizedclient": "auth",
    "invalidsignature": "auth",
    "incompletesignature": "auth",
    "missingauthenticationtoken": "auth",
    "expiredtoken": "auth",
    "resourcenotfound": "not_found",
    "validation": "bad_request",
}
_TOO_LONG = re.compile(
    r"too long|too many input tokens|maxLength|context (?:length|limit|size|window)|maximum context"
    r"|exceeds the (?:maximum|model).{0,40}(?:input|context)",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model identifier is invalid|on-demand throughput|access to the model|model access|legacy", re.IGNORECASE
)


class Access(NamedTuple):
    """What one request needs to be let in."""

    region: str
    url: str
    """The endpoint, without a slash at its end."""
    bearer: str | None
    """A Bedrock API key; None signs with `keys`."""
    keys: Any = None
    """botocore's frozen credentials: access_key, secret_key, token."""

    @property
    def secret(self) -> str | None:
        """What no message may show: AWS quotes the signed headers, the session token among them."""
        return self.bearer or (self.keys.token if self.keys else None)


class AwsAccess:
    """Finds region and credentials the way the AWS tools do, in a thread, and keeps them fresh."""

    def __init__(self, config: ProviderConfig, clock: Clock) -> None:
        """Prepare; nothing is imported, read or asked before `get`."""
        self._config = config
        self._clock = clock
        self._session: Session | None = None
        self._credentials: Credentials | None = None
        self._looking: asyncio.Task[Access | Outcome] | None = None
        self._refusal: Outcome | None = None
        self._refused_until = 0.0

    async def get(self) -> Access:
        """Region, endpoint and credentials that are valid now; callers at the same time share one look-up.

        Raises `FailedError` with an auth outcome that says what to set, or a network outcome when a service
        that hands out credentials can't be reached.
        """
        if self._refusal is not None and self._clock.mono() < self._refused_until:
            raise FailedError(self._refusal)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(asyncio.to_thread(self._look))
        # Shielded: a look-up that one caller gave up serves the others, and threads never pile up.
        found = await asyncio.shield(self._looking)
        if isinstance(found, Outcome):
            if found.error_class == "auth":  # nothing the next moment would change
                self._refusal, self._refused_until = found, self._clock.mono() + ASK_AGAIN_S
            raise FailedError(found)
        self._refusal = None
        return found

    def _look(self) -> Access | Outcome:
        """Everything that may read files or ask other services; runs in a thread, never twice at once."""
        import botocore.session  # 0.5 s of CPU
        from botocore import exceptions as boto

        try:
            if self._session is None:
                self._session = _session(botocore.session.Session())
            return self._found(self._session)
        except (boto.HTTPClientError, boto.ConnectionError) as exc:
            return error("network", f"no AWS credentials: who gives them can't be reached ({exc})")
        except (boto.BotoCoreError, boto.ClientError, OSError, ValueError) as exc:
            return error("auth", f"no AWS credentials: {exc}; check AWS_PROFILE and ~/.aws")

    def _found(self, session: "Session") -> Access | Outcome:
        config = self._config
        bearer = bearer_token(config)
        region = region_of(config) or str(session.get_config_variable("region") or "")
        if bearer and (problem := key_problem("bedrock", bearer)):
            return error("auth", problem)
        if not region and not (bearer and config.base_url):
            return error("auth", "no AWS region: set region in the model's config, or AWS_REGION")
        if region and not _REGION.fullmatch(region):
            return error("auth", f"{region!r} is no AWS region: write it as in us-east-1")
        url = (config.base_url or _endpoint(region)).rstrip("/")
        if bearer:
            return Access(region, url, bearer)
        if self._credentials is None:
            session.set_config_variable("region", region)  # for roles, which are taken on in a region
            self._credentials = session.get_credentials()
        if self._credentials is None:
            return error(
                "auth",
                f"no AWS credentials: set {BEARER_VARIABLE}, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                "or run `aws configure`",
            )
        return Access(region, url, None, self._credentials.get_frozen_credentials())


def check_region(config: ProviderConfig) -> None:
    """Raise `ValueError` when the configured region is no name of one: it becomes part of a host's name."""
    if config.region is not None and not _REGION.fullmatch(config.region.strip()):
        raise ValueError(f"{config.region!r} is no AWS region: write it as in us-east-1")


def region_of(config: ProviderConfig) -> str:
    """The region by config, by the model's ARN (it exists nowhere else), or by environment; else empty."""
    arn = _ARN.match(config.model)
    named = config.region or (arn.group(1) if arn else None)
    return (named or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "").strip()


def bearer_token(config: ProviderConfig) -> str | None:
    """The Bedrock API key to send instead of a signature, if there is one.

    One from the environment goes to AWS alone, private endpoints among them, never to a gateway; a signature
    may go there, it gives no secret away.
    """
    if config.api_key and config.api_key.strip():
        return config.api_key.strip()
    host = urlsplit(config.base_url).hostname or "" if config.base_url else ""
    if host and not host.endswith(_AWS_HOSTS):
        return None
    return os.environ.get(BEARER_VARIABLE, "").strip() or None


def sign(access: Access, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """The headers of a POST to `url` with its proof of who asks: a bearer token, or Signature Version 4.

    The signature covers `headers`, the body, the host and the time; it is valid for five minutes.
    """
    if access.bearer:
        return {**headers, "Authorization": f"Bearer {access.bearer}"}
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest(method="POST", url=url, headers=dict(headers), data=body)
    SigV4Auth(access.keys, SERVICE, access.region).add_auth(request)
    return dict(request.headers.items())


def from_http(status: int, body: object, headers: Mapping[str, str], now_ms: int) -> Outcome:
    """What an HTTP error of Bedrock means; a gateway's own errors are read like any vendor's."""
    name = headers.get("x-amzn-errortype", "")
    message = ""
    if isinstance(body, Mapping):
        name = name or str(body.get("__type", ""))
        message = str(body.get("message") or body.get("Message") or "")
    error_class = _class_of(name, message)
    if error_class is None and status == 424:  # the model failed, not the request
        error_class = "server"
    if error_class is None:
        return from_status(status, body, headers, now_ms)
    detail = f"HTTP {status}: {message or name}"
    return error(error_class, detail, status=status, retry_after_s=retry_after_s(headers, now_ms))


def from_frame(name: str, message: str) -> Outcome:
    """What an exception or error frame in the stream means, by its name."""
    error_class = _class_of(name, message)
    if error_class is None:
        return from_event({"type": name, "message": message})
    return error(error_class, f"error in the stream: {message or name}")


def broken_frame(exc: Exception, *, started: bool) -> Outcome | None:
    """What a frame that fails its checksum or is no frame means; None for other exceptions."""
    if not any(cls.__module__ == "botocore.eventstream" for cls in type(exc).__mro__):
        return None
    detail = one_line(f"a frame of the stream is damaged ({type(exc).__name__}: {exc})")
    if started:
        return Outcome("truncated", detail, error_class="protocol", retryable=True)
    return error("protocol", detail)


def _class_of(name: str, message: str) -> ErrorClass | None:
    """The class by the exception's name, as in `ThrottlingException` or `ns#ThrottlingException:http://…`."""
    word = name.rpartition("#")[2].partition(":")[0].lower().removesuffix("exception")
    error_class = _CLASSES.get(word)
    if word in {"validation", "modelerror", "modelstreamerror"} and _TOO_LONG.search(message):
        return "too_long"
    if word in {"validation", "accessdenied"} and _NO_MODEL.search(message):
        return "not_found"
    return error_class


def _session(session: "Session") -> "Session":
    """`session` with limits on all it may ask: the metadata service, those for roles and sign-on."""
    from botocore.config import Config

    limits = Config(
        connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S, retries={"max_attempts": 1}
    )
    session.set_default_client_config(limits)
    session.set_config_variable("metadata_service_timeout", METADATA_TIMEOUT_S)
    session.set_config_variable("metadata_service_num_attempts", 1)
    return session


def _endpoint(region: str) -> str:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://bedrock-runtime.{region}.{suffix}"
