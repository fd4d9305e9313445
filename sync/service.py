"""`portico serve`: the schedule, the newest report as a page on loopback, and health, in one process."""

import logging
import signal
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portfolio.store import deliveries
from portfolio.store.database import newest_revision, revision
from portfolio.store.failures import StoreError
from reports import formats, portal
from reports.html import content_security_policy
from sync.assess import today_of
from sync.deliver import deliver
from sync.disposal import dispose
from sync.hooks import LARGEST, Hooks
from sync.outcome import Caps
from sync.program import Program
from sync.reporting import NoSnapshot, document
from sync.scheduler import plan_jobs

if TYPE_CHECKING:
    from flask import Flask

_LOG = logging.getLogger("portico.service")
HOST = "127.0.0.1"
"""Loopback only: there is no sign-in."""
TICK_SECONDS = 1.0
LATE_AFTER = timedelta(minutes=5)
"""A schedule loop that did not turn for so long is not ready, unless a run is under way."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Service:
    """The jobs of a running service and their state. `stop` ends it at the next safe point."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.stop = threading.Event()
        self.busy = threading.Event()
        self.turned_at: datetime = program.now()
        self.may_write = program.may_write()
        self.hooks = Hooks(program.settings, program.now)

    def sync(self, *, census: bool = False, names: Sequence[str] = ()) -> None:
        """One run over the named connections (none: all); a failure is logged and the service goes on."""
        program = self.program
        self.busy.set()
        try:
            with (
                program.store() as store,
                program.run(store, "serve", stop=self.stop, say=_LOG.info, may_write=self.may_write) as run,
            ):
                run.pull(list(names or program.settings.connections), census=census)
                if not self.stop.is_set():
                    run.plan(Caps())
                    run.apply()
            _LOG.info("run %s: %s", run.report.run_id, run.report.outcome)
        except Exception as error:  # noqa: BLE001  the service goes on
            _LOG.error("run failed: %s", program.redact(f"{type(error).__name__}: {error}"))
        finally:
            self.busy.clear()

    def census(self) -> None:
        """One run with a census of every scope; then what is past its time goes."""
        self.sync(census=True)
        try:
            _LOG.info("let go: %s", dict(dispose(self.program)))
        except StoreError as error:
            _LOG.error("nothing is let go: %s", self.program.redact(str(error)))

    def report(self) -> None:
        """Delivers the configured reports; a failure is logged and the service goes on."""
        self._deliver([name for name, wanted in self.program.settings.reports.items() if wanted.delivery])

    def owed(self) -> None:
        """Tries today's deliveries again that were refused, or whose place could not be reached."""
        today = today_of(self.program.settings, self.program.now())
        try:
            with self.program.store() as store, store.reading() as db:
                names = deliveries.owed(db, today)
        except StoreError as error:
            _LOG.error("deliveries are not looked up: %s", self.program.redact(str(error)))
            return
        self._deliver([name for name in names if name in self.program.settings.reports])

    def _deliver(self, names: Sequence[str]) -> None:
        for name in names:
            try:
                for each in deliver(self.program, name):
                    _LOG.log(
                        logging.INFO if each.arrived else logging.ERROR, "report %s: %s", name, each.text
                    )
            except Exception as error:  # noqa: BLE001  the service goes on
                said = self.program.redact(f"{type(error).__name__}: {error}")
                _LOG.error("report %s is not delivered: %s", name, said)

    def announced(self) -> None:
        """Reads the connections whose tools announced a change."""
        for due in self.hooks.due():
            self.sync(census=due.census, names=[due.connection])

    def work(self) -> None:
        """One sync, then what is still owed of today's reports."""
        self.sync()
        if not self.stop.is_set():
            self.owed()

    def turn(self) -> None:
        """The schedule loop: one sync at once, then each job at its time, until stopped."""
        jobs = self.program.settings.schedule
        scheduler = plan_jobs(
            {
                "sync": (jobs.sync, self.work),
                "census": (jobs.census, self.census),
                "report": (jobs.report, self.report),
            },
            self.program.settings.portfolio.zone,
        )
        self.work()
        while not self.stop.is_set():
            self.turned_at = self.program.now()
            scheduler.run_pending()
            self.announced()
            self.stop.wait(TICK_SECONDS)


def _problems(service: Service) -> list[str]:
    found = []
    try:
        with service.program.store() as store:
            if revision(store.engine) != newest_revision():
                found.append("the store has another schema")
    except StoreError as error:
        found.append(service.program.redact(str(error)))
    late = service.program.now() - service.turned_at > LATE_AFTER
    if late and not service.busy.is_set():
        found.append("the schedule stands still")
    return found


def create_app(service: Service) -> "Flask":
    """The HTTP surface of a service."""
    from flask import Flask, Response, jsonify, request  # noqa: PLC0415  (only a service speaks HTTP)

    app = Flask("portico", static_folder=None)
    program = service.program

    def newest() -> dict[str, Any]:
        with program.store() as store, store.reading() as db:
            return document(db, program.settings)

    def project(key: str) -> dict[str, Any] | None:
        return next((each for each in newest()["projects"] if each["key"] == key), None)

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(HEADERS)
        response.headers["Content-Security-Policy"] = f"{content_security_policy()}; frame-ancestors 'none'"
        return response

    @app.errorhandler(NoSnapshot)
    def nothing_yet(error: NoSnapshot) -> tuple[Response, int]:
        return Response(portal.message("Nothing to show yet", str(error)), mimetype="text/html"), 503

    @app.get("/")
    def home() -> Response:
        return Response(portal.report(newest()), mimetype="text/html")

    @app.get("/projects/<path:key>")
    def one(key: str) -> Response:
        built = newest()
        if not any(each["key"] == key for each in built["projects"]):
            return Response(portal.message("No such project", key), status=404, mimetype="text/html")
        return Response(portal.project(built, key), mimetype="text/html")

    @app.get("/api/v1/report")
    def report() -> Response:
        return jsonify(newest())

    @app.get("/api/v1/projects/<path:key>")
    def api_project(key: str) -> Response | tuple[Response, int]:
        found = project(key)
        return jsonify(found) if found else (jsonify({"error": f"no project {key}"}), 404)

    @app.post("/webhooks/<name>")
    def webhook(name: str) -> Response:
        request.max_content_length = LARGEST
        received = service.hooks.receive(name, dict(request.headers), request.get_data())
        return Response(received.said + "\n", status=received.status, mimetype="text/plain")

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify({"ok": True})

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        problems = _problems(service)
        return jsonify({"ok": not problems, "problems": problems}), 503 if problems else 200

    @app.get("/reports/<name>.<form>")
    def download(name: str, form: str) -> Response:
        if name != "latest" or form not in {"json", "md", "html"}:
            return Response("no such report\n", status=404, mimetype="text/plain")
        import tempfile  # noqa: PLC0415  (only for a download)

        with tempfile.TemporaryDirectory() as folder:
            path = formats.write(newest(), form, Path(folder) / f"report.{form}")
            types = {"json": "application/json", "md": "text/markdown", "html": "text/html"}
            return Response(path.read_bytes(), mimetype=types[form])

    return app


def serve_until_stopped(program: Program, *, port: int) -> None:
    """Runs until SIGTERM or SIGINT; a run under way stops at its next safe point."""
    from waitress.server import create_server  # noqa: PLC0415  (only a service speaks HTTP)

    program.store().close()
    service = Service(program)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop.set())
    server = create_server(create_app(service), host=HOST, port=port, threads=4)
    web = threading.Thread(target=server.run, name="web", daemon=True)
    web.start()
    program.progress(f"Portico is at http://{HOST}:{server.effective_port}/ (stop with Ctrl-C)")
    service.turn()
    server.close()
    web.join(timeout=5)
