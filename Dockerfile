# The gateway, web and worker in one container. State is in /app/instance: give it a volume, or set
# GATEWAY_DATABASE_URL and GATEWAY_ENCRYPTION_KEYS and keep nothing in the container.
#   docker build -t gateway . && docker run -p 8000:8000 -v gateway:/app/instance gateway

# With a digest behind the tag, which `scripts/lock-image` writes where a registry can be asked, every build starts from the
# same bytes. Another registry: docker build --build-arg PYTHON_IMAGE=mirror.example.com/python:3.11-slim@sha256:…
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim
FROM ${PYTHON_IMAGE} AS build
# A compiler only here, for the libraries that have no wheel for the platform.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
# Requirements first: a change of the code does not install them again.
COPY requirements.txt requirements-build.txt ./
RUN pip install --require-hashes --no-deps --requirement requirements.txt --requirement requirements-build.txt
COPY . .
# Editable, so that gunicorn.conf.py and wsgi.py are found beside the package.
RUN pip install --no-deps --no-build-isolation --editable . && pip uninstall --yes setuptools
# Who serves may not write here, and would compile modules and catalogue at every start.
RUN python -m compileall -q gateway && python -c "from gateway.providers import catalogue; catalogue()"

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --home-dir /app gateway
COPY --from=build /app /app
# The process may write its state and nothing else.
RUN install -d -o gateway -g gateway -m 0700 /app/instance
WORKDIR /app
USER gateway
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1
VOLUME ["/app/instance"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["gateway", "run", "--host", "0.0.0.0"]
