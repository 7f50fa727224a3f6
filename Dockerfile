# The hub's image: every role is this one with another argument (`api`, `gateway`, `worker`, `migrate`, …).
# Two stages that build, and one that has neither pip's cache nor a compiler nor the sources.

FROM python:3.11.14-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# The project as a wheel. The build back end is pinned by hash too, hence no isolation (it would fetch its own).
FROM base AS wheel
WORKDIR /build
COPY deploy/build-requirements.txt ./
RUN pip install --require-hashes --only-binary=:all: -r build-requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY hub hub
COPY gateway gateway
COPY workers workers
COPY web-widget/dist web-widget/dist
COPY web-widget/demo web-widget/demo
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /dist .

# What it needs, exactly as locked. Before the wheel, so that a change of our code does not fetch it all again.
FROM base AS installed
RUN python -m venv /opt/hub
COPY requirements.txt ./
RUN /opt/hub/bin/pip install --require-hashes --only-binary=:all: -r requirements.txt
COPY --from=wheel /dist /dist
RUN /opt/hub/bin/pip install --no-deps --no-index /dist/*.whl && /opt/hub/bin/python -m compileall -q /opt/hub/lib

FROM base AS runtime
LABEL org.opencontainers.image.title="notification-hub" org.opencontainers.image.licenses="MIT"
RUN groupadd --system --gid 10001 hub && useradd --system --uid 10001 --gid hub --home-dir /nonexistent hub
COPY --from=installed /opt/hub /opt/hub
ENV PATH=/opt/hub/bin:$PATH
# Nothing is written outside /tmp: the file system can be read-only. An empty working directory, so that no .env is read.
WORKDIR /tmp
USER 10001:10001
# api 8000, gateway 8001, worker 8002
EXPOSE 8000 8001 8002
STOPSIGNAL SIGTERM
ENTRYPOINT ["hub"]
CMD ["--help"]
