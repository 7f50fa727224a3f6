"""The HTTP kit that api and gateway share: thin raw ASGI, because a Starlette request costs twice as much (facts.md).

routing.py   which handler answers, on the raw path        request.py   what came in, read within limits
app.py       one request from bytes to answer              response.py  what goes out
problems.py  refusals as RFC 9457 documents                schema.py, fields.py, query.py  validation
limits.py    token buckets                                 origins.py   who may call from a browser
health.py    /healthz, /readyz, /metrics                   openapi.py, reference.py  /openapi.json, /docs
"""
