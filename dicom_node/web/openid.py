"""An OpenID Provider, as the node speaks to it: code flow with PKCE (Core 1.0, RFC 7636).

What the library leaves open is closed here: the discovery document must be the configured issuer's
(Discovery 1.0 Section 4.3), tokens are signed by keys that only the provider has, an answer names
its issuer where it can (RFC 9207), and everything ends in time.
"""

import hmac
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session
from joserfc.errors import JoseError
from requests import RequestException

from dicom_node.web.openid_sign_in import Begun, ProviderAwayError, RefusedByProviderError

_LOG = logging.getLogger(__name__)
_DISCOVERY = "/.well-known/openid-configuration"
_SIGNED = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_TIMEOUT = 10.0
# Seconds after which the provider's document and keys are read again.
_FRESH = 3600.0
_LEEWAY = 60
_NOT_GOOD = "The provider's answer is not good, or too old: sign in again."


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOptions:
    """Where the provider is, and as what the node speaks to it."""

    issuer: str
    client_id: str
    client_secret: str = ""
    scopes: tuple[str, ...] = ("openid", "profile")
    trusted: str = ""


class _Client(OAuth2Mixin, OpenIDMixin, BaseApp):
    client_cls = OAuth2Session


class OpenIdProvider:
    """One provider; its document and keys are read at the first need and each hour."""

    def __init__(
        self, options: ProviderOptions, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._options = options
        self._monotonic = monotonic
        self._client: _Client | None = None
        self._read_at = 0.0

    def begin(self, redirect_uri: str) -> tuple[str, Begun]:
        """Begin a sign-in; return where the browser goes, and what its answer is held against.

        Raises
        ------
        ProviderAwayError
            When the provider cannot be asked.
        RefusedByProviderError
            When its document is not the issuer's.
        """
        client = self._discovered()
        made = client.create_authorization_url(redirect_uri)
        begun = Begun(state=made["state"], nonce=made["nonce"], verifier=made["code_verifier"])
        return made["url"], begun

    def finish(
        self,
        begun: Begun,
        answer: Mapping[str, str],
        redirect_uri: str,
        is_enough: Callable[[Mapping[str, Any]], bool],
    ) -> dict[str, Any]:
        """Return the verified claims of who comes back with an answer.

        The provider's user info is asked for what the token alone does not say: claims of which
        ``is_enough`` says no.

        Raises
        ------
        ProviderAwayError
            When the provider cannot be asked.
        RefusedByProviderError
            When the answer is not one to this beginning, or the token is not good.
        """
        self._check(begun, answer)
        client = self._discovered()
        try:
            token = client.fetch_access_token(  # type: ignore[no-untyped-call]
                redirect_uri, code=answer["code"], code_verifier=begun.verifier
            )
            read = client.parse_id_token(
                token, begun.nonce, claims_options=self._expected(), leeway=_LEEWAY
            )
            if read is None:
                raise RefusedByProviderError(_NOT_GOOD)
            claims = dict(read)
            if not is_enough(claims):
                told = dict(client.userinfo(token=token))
                if told.get("sub") != claims.get("sub"):  # Core 1.0 Section 5.3.2
                    raise RefusedByProviderError(_NOT_GOOD)
                claims = {**told, **claims}
        except RequestException as error:
            raise _away(error) from error
        except (AuthlibBaseError, JoseError, ValueError, KeyError) as error:
            _LOG.warning("openid: answer refused reason=%s", type(error).__name__)
            raise RefusedByProviderError(_NOT_GOOD) from error
        return claims

    def _expected(self) -> dict[str, Any]:
        """Return whose the token must be, and for whom (Core 1.0 Section 3.1.3.7)."""
        return {
            "iss": {"essential": True, "values": [self._options.issuer]},
            "aud": {"essential": True, "values": [self._options.client_id]},
        }

    def sign_out_url(self, back: str) -> str | None:
        """Return where a session at the provider is ended (RP-Initiated Logout 1.0), or None.

        Raises
        ------
        ProviderAwayError, RefusedByProviderError
            As `begin`.
        """
        client = self._discovered()
        if not client.server_metadata.get("end_session_endpoint"):
            return None
        made = client.create_logout_url(back, client_id=self._options.client_id)
        url: str = made["url"]
        return url

    def _check(self, begun: Begun, answer: Mapping[str, str]) -> None:
        if not hmac.compare_digest(answer.get("state", "").encode(), begun.state.encode()):
            raise RefusedByProviderError("This sign-in was begun elsewhere: sign in again.")
        if answer.get("iss", self._options.issuer) != self._options.issuer:
            raise RefusedByProviderError("Another provider answered: sign in again.")
        if "code" not in answer:
            refused = answer.get("error") == "access_denied"
            raise RefusedByProviderError(
                "The provider did not let you in."
                if refused
                else "The provider could not sign you in: ask who runs this node."
            )

    def _discovered(self) -> _Client:
        now = self._monotonic()
        if self._client is None or now - self._read_at >= _FRESH:
            self._client, self._read_at = self._read(), now
        return self._client

    def _read(self) -> _Client:
        options = self._options
        client = _Client(
            None,
            client_id=options.client_id,
            client_secret=options.client_secret or None,
            server_metadata_url=options.issuer.rstrip("/") + _DISCOVERY,
            client_kwargs={
                "scope": " ".join(options.scopes),
                "code_challenge_method": "S256",
                "default_timeout": _TIMEOUT,
                **({"verify": options.trusted} if options.trusted else {}),
            },
        )
        try:
            document = client.load_server_metadata()
        except (RequestException, OSError) as error:
            raise _away(error) from error
        except (ValueError, TypeError) as error:
            raise RefusedByProviderError(
                f"{options.issuer} has no discovery document: check openid.issuer."
            ) from error
        if document.get("issuer") != options.issuer:
            raise RefusedByProviderError(
                "The provider calls itself by another issuer than openid.issuer: correct that."
            )
        offered = document.get("id_token_signing_alg_values_supported") or ["RS256"]
        document["id_token_signing_alg_values_supported"] = sorted(_SIGNED & set(offered))
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if options.client_secret and "client_secret_basic" not in methods:
            client.client_kwargs["token_endpoint_auth_method"] = "client_secret_post"  # noqa: S105
        return client


def _away(error: Exception) -> ProviderAwayError:
    _LOG.warning("openid: provider away reason=%s", type(error).__name__)
    return ProviderAwayError("The provider does not answer: try again later.")
