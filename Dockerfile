# One image for every role: api, dispatcher, worker, migrate. docs/deploy.md says how to build and run it.
# Give the base image by digest (--build-arg BASE_IMAGE=python@sha256:...) where a build must be repeatable to the byte.
ARG BASE_IMAGE=python:3.11.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
# The environment has no pip of its own: the base image's pip fills it from outside.
RUN python -m venv --without-pip /opt/billwright
WORKDIR /src
# The locked packages first: this layer stays as long as the lock file does. Wheels only, so no compiler is needed.
COPY requirements.lock ./
RUN pip --python /opt/billwright/bin/python install --require-hashes --no-deps --only-binary :all: --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY platform/ platform/
COPY tenants/ tenants/
COPY plugins/ plugins/
COPY connectors/ connectors/
COPY templates/ templates/
COPY migrations/ migrations/
# The build back end comes from the lock file too, and leaves again.
RUN pip --python /opt/billwright/bin/python install --no-deps --no-build-isolation --no-index . \
    && pip --python /opt/billwright/bin/python uninstall --yes hatchling editables \
    && /opt/billwright/bin/billwright --help > /dev/null

FROM ${BASE_IMAGE} AS final
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="billwright" \
      org.opencontainers.image.description="Multi-tenant, white-label invoice automation for professional-services firms" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="LicenseRef-Proprietary"
# What WeasyPrint loads at run time; the fonts are the project's own. Nobody installs anything in a running container.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
    && rm -rf /var/lib/apt/lists/* \
    && python -m pip uninstall --yes --quiet --root-user-action ignore setuptools wheel pip \
    && install --directory --owner 10001 --group 10001 --mode 0750 /var/lib/billwright
COPY --from=build /opt/billwright /opt/billwright
# The root file system may be read-only: only BILLWRIGHT_HOME and /tmp are written (fontconfig's cache lies in /tmp).
ENV PATH=/opt/billwright/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    XDG_CACHE_HOME=/tmp/cache \
    BILLWRIGHT_HOME=/var/lib/billwright \
    BILLWRIGHT_HOST=0.0.0.0 \
    BILLWRIGHT_LOG_FORMAT=json
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /var/lib/billwright
EXPOSE 8700
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/billwright/bin/billwright"]
CMD ["api"]
