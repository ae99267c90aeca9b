# Underdog in a container: nobody in particular runs it, and nothing but its home is written. docs/deployment.md
#
#   docker build -t underdog .
#   docker run --read-only --tmpfs /tmp -p 8787:8787 -e UNDERDOG_API_KEY -e OPENAI_API_KEY underdog
#
# A tag moves: where a build must give the same image again, name the digest as well,
#   --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:...
# The minor version is that of the lock files.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# --- build: an environment with the locked packages, and the project as a wheel -----------------------------------------
FROM ${PYTHON_IMAGE} AS build

ENV PIP_NO_INPUT=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /src

# Before the sources: another line of code is no reason to fetch everything again.
COPY requirements/serve.txt requirements/build.txt requirements/
RUN python -m venv /app \
    && /app/bin/python -m pip install --no-deps --require-hashes -r requirements/serve.txt \
    && python -m venv /build \
    && /build/bin/python -m pip install --no-deps --require-hashes -r requirements/build.txt

COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY router router
COPY training training
COPY models models
COPY data/sample data/sample
RUN /build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
    && /app/bin/python -m pip install --no-deps --no-index /wheel/*.whl

# --- run ----------------------------------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE}

# The embedded LLM links the system's OpenMP runtime. Debian serves one version of it only: a pin would break with the next.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 underdog \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/underdog --shell /usr/sbin/nologin underdog \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/underdog \
    && install --directory /etc/underdog

COPY --from=build /app /app
COPY deploy/docker/healthy.py /app/bin/healthy.py

# Beyond loopback the server starts with a key only (UNDERDOG_API_KEY): an open one would be anybody's.
ENV PATH=/app/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    UNDERDOG_HOST=0.0.0.0 \
    UNDERDOG_HOME=/var/lib/underdog

# The ledger, the cache and the fetched LLM; each replica has its own. All else may be read-only, but for /tmp.
VOLUME /var/lib/underdog

# An underdog.toml here is read.
WORKDIR /etc/underdog

# By number: Kubernetes cannot tell of a name that it is not root's.
USER 10001:10001
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-I", "/app/bin/healthy.py"]

# As process 1, with no shell in between: it takes SIGTERM itself, and has no children to reap.
ENTRYPOINT ["underdog"]
CMD ["serve"]
