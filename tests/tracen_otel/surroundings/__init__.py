"""The exporter in hostile surroundings: real processes, real servers, real faults.

Where each fault of an exporter's life is tested:

    DNS failure, connection refused, TLS expired, wrong host name     test_backends
    429 with Retry-After 1800, a date, -1, abc, none, 10^12           test_backends
    hangs, resets, floods, drips, redirects, garbage, IPv6 alone      test_backends
    fork, multiprocessing, process pools                              test_forks
    gunicorn, uvicorn, uWSGI, Celery                                  test_workers
    gevent                                                            test_greenlets
    a process frozen after its answer                                 test_freezing
    the interpreter's end, with the server down or hanging            test_endings
    bytes, nested dicts, None, 10 MB, an object that cannot be shown  test_values
    OTEL_SDK_DISABLED, the exporter named twice, a missing key        test_selection
    HTTPX, requests and urllib3 instrumented                          test_instrumented
    files and threads over 1,000 exports                              test_constancy
"""
