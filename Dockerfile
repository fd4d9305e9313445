# Two stages: the wheel and its locked dependencies are built in one, and only they run in the other.
# The file system may be mounted read-only; /data holds configuration and store and is the one volume.
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/portico \
 && /opt/portico/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY config config
COPY connectors connectors
COPY mapping mapping
COPY portfolio portfolio
COPY reports reports
COPY sandbox sandbox
COPY sync sync
RUN /opt/portico/bin/pip install --no-cache-dir --no-deps . \
 && /opt/portico/bin/python -m compileall -q /opt/portico/lib

FROM python:3.12-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin portico \
 && install -d -o portico -g portico /data
COPY --from=build /opt/portico /opt/portico
ENV PATH=/opt/portico/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PORTICO_CONFIG=/data/portico.yaml
USER 10001
WORKDIR /data
VOLUME /data
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["portico"]
CMD ["serve"]
