"""Rules of OTLP and odd inputs, one case each, against the real process over real sockets.

What every request goes through is in `tests/bridge/test_otlp_http.py` and `test_otlp_grpc.py`, heads, deadlines and
connections in `test_guard.py`; here is the rest.
"""
