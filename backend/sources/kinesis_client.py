"""Calls to Kinesis: botocore in threads of its own, with every failure sorted by what it means to a reader.

botocore and not one of the asyncio clients on top of it: async-kinesis gives records without their sequence
numbers, drops what its queue does not take in 30 s, and keeps checkpoints of its own; ours are the journal's.
"""

import asyncio
import functools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from backend.alerts.text import safe
from backend.sources.base import SourceError
from backend.sources.options import SourceOptions
from backend.sources.uri import Address

THREADS = 16
"""Calls at once; a shard may be read five times a second, and a call takes some 20 ms."""
CONNECT_S = 3.0
READ_S = 4.0
"""Kinesis answers at once, also when there is nothing; a silent endpoint has to show within 5 s."""

Meaning = Literal["throttled", "expired", "missing", "invalid", "refused", "away"]

_MEANINGS: Mapping[str, Meaning] = {
    "ProvisionedThroughputExceededException": "throttled",
    "LimitExceededException": "throttled",
    "KMSThrottlingException": "throttled",
    "ThrottlingException": "throttled",
    "RequestLimitExceeded": "throttled",
    "ExpiredIteratorException": "expired",
    "ResourceNotFoundException": "missing",
    "InvalidArgumentException": "invalid",
    "ValidationException": "invalid",
    "AccessDeniedException": "refused",
    "ExpiredTokenException": "refused",
    "IncompleteSignature": "refused",
    "InvalidClientTokenId": "refused",
    "InvalidSignatureException": "refused",
    "KMSAccessDeniedException": "refused",
    "MissingAuthenticationToken": "refused",
    "MissingAuthenticationTokenException": "refused",
    "SignatureDoesNotMatch": "refused",
    "UnrecognizedClientException": "refused",
}


class KinesisError(Exception):
    """A call that failed; the message says why."""

    def __init__(self, meaning: Meaning, words: str) -> None:
        super().__init__(safe(words, 300))
        self.meaning = meaning


class KinesisClient:
    """One region's Kinesis, as the address and the config name it."""

    def __init__(self, address: Address, options: SourceOptions) -> None:
        """Nothing is imported or connected yet. Raises `SourceError` for half a pair of credentials."""
        if (options.username is None) != (options.password is None):
            raise SourceError(
                f"{address.name}: username and password are access key id and secret, or neither"
            )
        self.stream = address.path
        self._address = address
        self._options = options
        self._threads: ThreadPoolExecutor | None = None
        self._client: Any = None

    async def open(self) -> None:
        """Import and configure the client.

        Raises:
            SourceError: botocore is not installed, or region, endpoint or files can't be used.
        """
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="kinesis")
        self._client = await asyncio.get_running_loop().run_in_executor(self._threads, self._build)

    async def call(self, operation: str, **arguments: object) -> dict[str, Any]:
        """Call an operation by its botocore name. Raises `KinesisError`; nothing is tried twice."""
        work = functools.partial(self._call, operation, arguments)
        answer: dict[str, Any] = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        return answer

    def close(self) -> None:
        """Let go of threads and connections; calls under way end by their timeouts."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    def _call(self, operation: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            NoCredentialsError,
            ParamValidationError,
            PartialCredentialsError,
        )

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            message = error.response.get("Error", {}).get("Message", "")
            raise KinesisError(_MEANINGS.get(code, "away"), f"{code}: {message}") from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            hint = "set username and password_env, or AWS's own environment variables or profile"
            raise KinesisError("refused", f"no AWS credentials: {hint}") from error
        except ParamValidationError as error:
            raise KinesisError("invalid", str(error)) from error
        except (BotoCoreError, OSError) as error:
            raise KinesisError("away", f"no Kinesis ({type(error).__name__}: {error})") from error
        return answer

    def _build(self) -> Any:  # noqa: ANN401  # botocore makes its client classes when it runs
        try:
            import botocore.session
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError
        except ImportError as error:
            raise SourceError(
                f"{self._address.name}: Kinesis needs botocore: pip install 'watchfloor[kinesis]'"
            ) from error
        ((region, _),) = self._address.hosts
        config = Config(
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            retries={"max_attempts": 0},  # we own the retry
            max_pool_connections=THREADS,
        )
        try:
            return botocore.session.get_session().create_client(
                "kinesis",
                region_name=region,
                endpoint_url=self._address.query.get("endpoint"),
                verify=self._options.ca_file,
                aws_access_key_id=self._options.username,
                aws_secret_access_key=self._options.password,
                config=config,
            )
        except (BotoCoreError, ValueError, OSError) as error:
            raise SourceError(safe(f"{self._address.name}: {error}")) from error
