# syntax=docker/dockerfile:1

# `make pin-images` writes the digest of the tag behind it.
ARG PYTHON_IMAGE=python:3.11-slim

# Every pinned package has a wheel for amd64 and arm64, so no stage needs a compiler.
FROM ${PYTHON_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_INPUT=1
WORKDIR /build
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY pyproject.toml deploy/pip.txt deploy/requirements.txt ./
# Every file that is fetched must have one of the hashes listed. The project itself is installed without its code,
# for the command llm-monitor; code comes last and changes most, and is found in /app.
RUN --mount=type=cache,target=/root/.cache/pip \
    touch README.md \
    && pip install --requirement pip.txt \
    && pip install --require-hashes --requirement requirements.txt \
    && pip install --no-deps --no-build-isolation .


FROM ${PYTHON_IMAGE} AS base
# Which versions exist follows the Debian release of the base image.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --create-home --shell /usr/sbin/nologin monitor \
    && install --directory --owner monitor --group monitor /app /data /data/cache
# Functions are compiled for every processor of an architecture, not for the one that builds the image.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/data/cache/numba \
    NUMBA_CPU_NAME=generic \
    LLM_MONITOR_HOST=0.0.0.0 \
    LLM_MONITOR_DATA_DIR=/data \
    LLM_MONITOR_FIRST_KEY=/data/admin-key
WORKDIR /app
VOLUME /data
COPY --chmod=755 deploy/start.sh /usr/local/bin/llm-monitor-start
# tini hands signals on and reaps what the servers' own processes leave behind.
ENTRYPOINT ["tini", "--", "llm-monitor-start"]


# make test: `docker build --target test`
FROM base AS test
COPY --from=builder /opt/venv /opt/venv
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --disable-pip-version-check --require-hashes --requirement requirements.txt
COPY --chown=monitor:monitor . .
# Tests start servers of their own and choose hosts and folders themselves.
ENV LLM_MONITOR_HOST= \
    LLM_MONITOR_DATA_DIR= \
    LLM_MONITOR_FIRST_KEY=
USER 10001:10001
CMD ["python", "-m", "pytest", "tests", "-m", "not long"]


FROM base AS compiled
COPY --from=builder /opt/venv /opt/venv
COPY LICENSE NOTICE main.py ./
COPY migrations migrations
COPY monitoring monitoring
COPY app app
COPY workers workers
COPY dashboard dashboard
# A compiled function is used while its source has the time that it had, and images keep whole seconds.
RUN find . -exec touch --date=@1 {} + \
    && python -m compileall -q . \
    && NUMBA_CACHE_DIR=/opt/kernels LLM_MONITOR_HOST=127.0.0.1 python -c "from workers.main import load; load()"


FROM base AS runtime
LABEL org.opencontainers.image.title="LLM Monitor" \
      org.opencontainers.image.description="Scores every LLM call for quality and safety on plain CPUs" \
      org.opencontainers.image.licenses="MIT"
COPY --from=builder /opt/venv /opt/venv
COPY --from=compiled /opt/kernels /opt/kernels
COPY --from=compiled /app /app
USER 10001:10001
EXPOSE 8000 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('LLM_MONITOR_API_PORT') or 8000}/health\", timeout=4)"]
CMD ["python", "main.py"]
