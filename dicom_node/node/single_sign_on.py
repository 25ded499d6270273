"""Signing in at an OpenID Provider, as the settings want it."""

from pathlib import Path

from dicom_node.administration.openid import Admission, ClaimRules
from dicom_node.configuration.peers import OpenIdSettings
from dicom_node.configuration.private_file import read_private
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.user import UserRole
from dicom_node.errors import ConfigurationError
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from dicom_node.web.openid_sign_in import Provider, SingleSignOn


def make_single_sign_on(settings: NodeSettings, repositories: Repositories) -> SingleSignOn | None:
    """Return how people sign in at the provider; None where they have passwords alone.

    Raises
    ------
    ConfigurationError
        When a file that the settings name cannot be used.
    """
    openid = settings.openid
    if not openid.issuer:
        return None
    rules = ClaimRules(
        name_claim=openid.name_claim,
        roles_claim=openid.roles_claim,
        roles={
            UserRole.EXPERT: openid.experts,
            UserRole.READER: openid.readers,
            UserRole.OPERATOR: openid.operators,
            UserRole.ADMIN: openid.admins,
        },
        organization=openid.organization,
    )
    return SingleSignOn(
        provider=make_provider(openid),
        label=openid.label,
        rules=rules,
        admission=Admission(repositories.users, rules, clock=utc_now),
        address=settings.notifications.address,
        only=openid.only,
    )


def make_provider(openid: OpenIdSettings) -> Provider:
    """Return the provider of the settings; it is asked at the first need.

    Raises
    ------
    ConfigurationError
        When a file that the settings name cannot be used.
    """
    from dicom_node.web.openid import (  # noqa: PLC0415 - a node without one starts without it
        OpenIdProvider,
        ProviderOptions,
    )

    if openid.trusted and not Path(openid.trusted).is_file():
        raise ConfigurationError(f"openid.trusted {openid.trusted} is no file.")
    return OpenIdProvider(
        ProviderOptions(
            issuer=openid.issuer,
            client_id=openid.client_id,
            client_secret=_secret(openid.client_secret_file),
            scopes=openid.scopes,
            trusted=openid.trusted,
        )
    )


def _secret(path: str) -> str:
    if not path:
        return ""
    setting = "openid.client_secret_file"
    secret = read_private(path, setting=setting).strip()
    if not secret:
        raise ConfigurationError(f"{setting} {path} is empty.")
    return secret
