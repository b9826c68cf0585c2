"""Instruments a Python program that has no OpenTelemetry set-up of its own, and leaves one that has alone.

Libraries are instrumented as they are imported, with tracers that have nothing behind them. The first span decides:
if the program has made a provider by then, theirs is in force and ours is withdrawn; if not, one is made that
exports over OTLP. One that the program makes later replaces it. Knows nothing of Tracen: it may run anywhere.
"""

from __future__ import annotations

import os
import sys

from tracen_watch_imports import Watcher, libraries  # type: ignore[import-not-found]
from tracen_watch_notes import Notes, address_of  # type: ignore[import-not-found]

TYPE_CHECKING = False  # typing itself takes longer to import than all of this
if TYPE_CHECKING:
    from typing import Any

_notes: Notes
_ours: Ours


def begin(folder: str) -> None:
    """Watch this process; what is found is noted in the folder."""
    global _notes, _ours
    _notes = Notes(folder)
    _ours = Ours()
    hooks = {
        "opentelemetry.sdk.trace": _on_sdk,
        "opentelemetry.trace": _on_api,
        "opentelemetry.instrumentation.instrumentor": _on_instrumentor,
    }
    sys.meta_path.insert(0, Watcher(_on_import, hooks))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    _notes.renew()
    _ours.is_forked = True


# -- what the program does ------------------------------------------------------------------------------


def _on_import(name: str) -> None:
    """A library that models or frameworks are used with has been imported."""
    _notes.tell("libraries", name)
    _ours.instrument(name)


def _on_api(api: Any) -> None:
    """opentelemetry.trace: where no provider is set, its proxies have our tracers do the work.

    No provider is ever set here, so that the program may set its own at any time, without a warning.
    """

    class Tracer(api.ProxyTracer):  # type: ignore[misc]
        def __init__(self, *about: Any, **more: Any) -> None:
            super().__init__(*about, **more)
            self._is_of_our_instrumentation = _ours.makes
            self._ours: Any = None
            self._about = about, more

        @property
        def _tracer(self) -> Any:
            if _ours.is_withdrawn and self._is_of_our_instrumentation:
                return self._noop_tracer
            if api._TRACER_PROVIDER is None and not _ours.is_withdrawn:
                if self._ours is None:
                    self._ours = _ours.tracer(*self._about)
                return self._ours or self._noop_tracer
            return super()._tracer

    class Provider(api.ProxyTracerProvider):  # type: ignore[misc]
        def get_tracer(self, *about: Any, **more: Any) -> Any:
            if api._TRACER_PROVIDER is not None and not _ours.makes:
                return api._TRACER_PROVIDER.get_tracer(*about, **more)
            return Tracer(*about, **more)

    api._PROXY_TRACER_PROVIDER = Provider()
    original = api.set_tracer_provider

    def set_tracer_provider(tracer_provider: Any) -> None:
        _ours.withdraw()
        original(tracer_provider)

    api.set_tracer_provider = set_tracer_provider


def _on_sdk(sdk: Any) -> None:
    """opentelemetry.sdk.trace: who makes a provider has a set-up of its own."""
    from functools import wraps

    made, added = sdk.TracerProvider.__init__, sdk.TracerProvider.add_span_processor

    @wraps(made)
    def make(self: Any, *args: Any, **kwargs: Any) -> None:
        if not _ours.makes:
            _notes.tell("own", _caller())
            _ours.withdraw()
        made(self, *args, **kwargs)

    @wraps(added)
    def add_span_processor(self: Any, span_processor: Any) -> None:
        added(self, span_processor)
        if not _ours.makes:
            _notes.tell("exporters", _exporter(span_processor))

    sdk.TracerProvider.__init__ = make
    sdk.TracerProvider.add_span_processor = add_span_processor


def _on_instrumentor(module: Any) -> None:
    """Who switches an instrumentation on gets it as if it had been off."""
    from functools import wraps

    original = module.BaseInstrumentor.instrument

    @wraps(original)
    def instrument(self: Any, **kwargs: Any) -> Any:
        if not _ours.makes:
            _ours.give_up(self)
        return original(self, **kwargs)

    module.BaseInstrumentor.instrument = instrument


def _caller() -> str:
    """The package that makes a provider."""
    frame = sys._getframe(2)
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _exporter(span_processor: Any) -> str:
    exporter = getattr(span_processor, "span_exporter", None)
    if exporter is None:
        exporter = getattr(getattr(span_processor, "_batch_processor", None), "_exporter", span_processor)
    kind = type(exporter)
    return " ".join((f"{kind.__module__}.{kind.__qualname__}", address_of(exporter))).strip()


# -- what we do about it --------------------------------------------------------------------------------


class Ours:
    """Our instrumentations and our provider. `makes`: what is made right now is ours."""

    def __init__(self) -> None:
        self.is_withdrawn = False
        self.is_forked = False
        self.makes = False
        self._instrumentors: list[Any] = []
        self._provider: Any = None
        self._is_refused = False

    def instrument(self, library: str) -> None:
        """Switch on what is installed for a library. Nothing is done for a program with a set-up of its own."""
        api = sys.modules.get("opentelemetry.trace")
        if self.is_withdrawn or self.makes or getattr(api, "_TRACER_PROVIDER", None) is not None:
            return
        self.makes = True
        try:
            instrumented, missing = libraries.instrument(library)
        finally:
            self.makes = False
        self._instrumentors += instrumented
        for one in instrumented:
            _notes.tell("instrumented", type(one).__module__)
        for package in missing:
            _notes.tell("missing", package)

    def withdraw(self) -> None:
        """Take back what was done, as the program has a set-up of its own; what was recorded is sent."""
        if self.is_withdrawn or self.makes:
            return
        self.is_withdrawn = True
        for instrumentor in self._instrumentors:
            libraries.silence(instrumentor)
        self._instrumentors.clear()
        if self._provider is not None:
            self._provider.shutdown()

    def give_up(self, instrumentor: Any) -> None:
        """Take one instrumentation back, as the program switches it on by itself."""
        if instrumentor in self._instrumentors:
            self._instrumentors.remove(instrumentor)
            libraries.silence(instrumentor)

    def tracer(self, about: tuple[Any, ...], more: dict[str, Any]) -> Any:
        """A tracer whose spans are exported over OTLP; None where that can not be."""
        if self._provider is None and not self._is_refused and not self.makes:
            self._make_provider()
        if self.is_forked:
            self._end_with_child()
        return self._provider.get_tracer(*about, **more) if self._provider is not None else None

    def _make_provider(self) -> None:
        self.makes = True
        try:
            self._provider = _provider()
            _notes.tell("provider", "ours")
        except ImportError as error:
            _notes.tell("missing", _PACKAGE_BY_MODULE.get(error.name or "", "opentelemetry-exporter-otlp"))
        except Exception as error:
            _notes.tell("failed", type(error).__name__)
        finally:
            self.makes = False
            self._is_refused = self._provider is None

    def _end_with_child(self) -> None:
        """Have a forked child of multiprocessing, which runs no exit handlers, send what it has."""
        self.is_forked = False
        process, util = (sys.modules.get("multiprocessing." + name) for name in ("process", "util"))
        if self._provider is None or process is None or util is None or process.parent_process() is None:
            return
        util.Finalize(None, self._provider.shutdown, exitpriority=0)


_PACKAGE_BY_MODULE = {
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry.sdk.trace": "opentelemetry-sdk",
}


_TIMEOUT_S = 3
"""For so long, instead of ten seconds, a program's end may wait for a server that is gone."""
_TIMEOUTS = {"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"}


def _provider() -> Any:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    exporter: Any
    if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as exporter
    else:
        from opentelemetry.exporter.otlp.proto.http import trace_exporter as exporter
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    provider = TracerProvider(resource=Resource.create({} if named else {"service.name": _program()}))
    timeout = {} if _TIMEOUTS & os.environ.keys() else {"timeout": _TIMEOUT_S}
    provider.add_span_processor(
        _beside("tracen_watch_export").quiet_processor(exporter.OTLPSpanExporter(**timeout), _notes)
    )
    return provider


def _beside(name: str) -> Any:
    """A module of this folder, which is not on sys.path any more."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(name, os.path.join(os.path.dirname(__file__), name + ".py"))
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - a path of a Python file
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _program() -> str:
    """The name of what runs: a script without .py, or a module."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None and spec.name:
        return str(spec.name).removesuffix(".__main__")
    return os.path.basename(sys.argv[0] if sys.argv and sys.argv[0] else "python").removesuffix(".py")
