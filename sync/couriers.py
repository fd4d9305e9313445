"""Turns the places of a delivery into couriers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from config.delivery import Delivery, Mail
from config.settings import Settings
from connectors.base import Finding
from connectors.errors import ConnectorError
from sync import wiring

if TYPE_CHECKING:
    from connectors.courier import Courier
    from connectors.http import Http

FOLDER = "folder"


def courier(settings: Settings, delivery: Delivery, place: str, now: datetime) -> "Courier":
    """The courier to one of `delivery.places` (all but the folder)."""
    make: dict[str, Callable[[], Courier]] = {
        "mail": partial(_mail, settings, delivery.mail, now),
        "teams": partial(_teams, settings, delivery.teams),
        "sharepoint": partial(_sharepoint, settings, delivery.sharepoint),
    }
    return make[place]()


def check(settings: Settings, now: datetime) -> Iterator[dict[str, Any]]:
    """Every finding of the places that reports go to, as JSON objects; nothing is sent.

    A place that no connection serves (a mail server, a Teams workflow) stands under `reports`.
    """
    for name, report in settings.reports.items():
        for place in report.delivery.places if report.delivery else ():
            if place != FOLDER:
                through = getattr(getattr(report.delivery, place), "through", None) or "reports"
                for each in _proved(settings, name, place, now):
                    found = replace(each, subject=f"report {name}: {each.subject}")
                    yield {"connection": through, **asdict(found)}


def _proved(settings: Settings, name: str, place: str, now: datetime) -> Sequence[Finding]:
    delivery = settings.reports[name].delivery
    assert delivery is not None  # noqa: S101  (it has this place)
    way = courier(settings, delivery, place, now)
    try:
        return way.prove()
    except ConnectorError as error:
        return [Finding("error", place, error.text, error.fix)]
    finally:
        way.close()


def _mail(settings: Settings, mail: Any, now: datetime) -> "Courier":
    if mail.smtp is None:
        from connectors.graph_mail import GraphMail  # noqa: PLC0415  (only the ways in use are loaded)

        http, connect = _graph(settings, mail.through)
        return GraphMail(http, sender=mail.sender, to=mail.to, connect=connect)
    from connectors.smtp_mail import SmtpMail  # noqa: PLC0415  (as above)

    return _smtp(mail, SmtpMail, now)


def _smtp(mail: Mail, make: Callable[..., "Courier"], now: datetime) -> "Courier":
    server = mail.smtp
    assert server is not None  # noqa: S101  (the settings hold exactly one way)
    return make(
        server.host,
        server.port,
        sender=mail.sender,
        to=mail.to,
        security=server.security,
        user=server.user,
        password=server.password.get_secret_value() if server.password else None,
        ca_file=str(server.ca_file) if server.ca_file else None,
        now=now,
    )


def _teams(settings: Settings, teams: Any) -> "Courier":
    from connectors.http import Http  # noqa: PLC0415  (only the ways in use are loaded)
    from connectors.teams import Teams, base_of  # noqa: PLC0415  (as above)

    url = teams.url.get_secret_value()
    return Teams(Http(base_of(url), secrets=(url, *_secrets(settings))), url=url)


def _sharepoint(settings: Settings, place: Any) -> "Courier":
    from connectors.graph_files import GraphFiles  # noqa: PLC0415  (only the ways in use are loaded)

    http, connect = _graph(settings, place.through)
    return GraphFiles(http, drive=place.drive, path=place.path, connect=connect)


def _graph(settings: Settings, name: str) -> tuple["Http", Callable[[str], "Http"]]:
    """A client of that connection's Graph, and a maker of unsigned clients for upload addresses."""
    from connectors.http import Http  # noqa: PLC0415  (only the ways in use are loaded)

    connection: Any = settings.connections[name]
    ways = {
        "secrets": _secrets(settings),
        "ca_file": str(connection.ca_file) if connection.ca_file else None,
        "proxy": str(connection.proxy) if connection.proxy else None,
        "timeout": connection.timeout,
    }
    return wiring.client(settings, name), lambda base: Http(base, **ways)


def _secrets(settings: Settings) -> tuple[str, ...]:
    return tuple(each.get_secret_value() for each in settings.secrets)
