# One recipe for the four services; MODULE is the folder of one of them:
#
#   docker build --build-arg MODULE=query-module --target runtime --tag artstore/query-module .
#
#   runtime   what is deployed: no compiler, no tests, no package manager of ours
#   dev       the same under a debugger; restarts when a mounted source changes
#   test      everything the lock pins, with the tests of all modules
ARG MODULE=admin-module

FROM python:3.13-slim AS base
ENV LANG=C.UTF-8 \
    PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app/src \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0
RUN groupadd --gid 10001 artstore \
    && useradd --uid 10001 --gid artstore --no-create-home --home-dir /var/lib/artstore artstore \
    && install --directory --owner artstore --group artstore \
        /app /app/src /var/lib/artstore /var/lib/artstore/files
WORKDIR /app

# What differs between the services at run time.
FROM base AS admin-module
ENV PACKAGE=admin_module PORT=8000
EXPOSE 8000
ENTRYPOINT ["python", "-m", "admin_module"]

FROM base AS storage-element
ENV PACKAGE=storage_element PORT=8010
EXPOSE 8010
ENTRYPOINT ["python", "-m", "storage_element"]

FROM base AS ingester-module
ENV PACKAGE=ingester_module PORT=8020
EXPOSE 8020
ENTRYPOINT ["python", "-m", "ingester_module"]

FROM base AS query-module
ENV PACKAGE=query_module PORT=8030
EXPOSE 8030
ENTRYPOINT ["python", "-m", "query_module"]

# uv itself is pinned by the lock, hashes and all.
FROM base AS installer
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=true \
    VIRTUAL_ENV=/opt/venv
COPY requirements.lock ./
RUN awk '/^uv==/ { found = 1 } found { print } found && !/\\$/ { exit }' requirements.lock > uv.txt \
    && pip install --no-cache-dir --root-user-action=ignore --require-hashes --requirement uv.txt \
    && uv venv --quiet /opt/venv

# Dependencies change less often than sources, so they are a layer of their own.
FROM installer AS dependencies
ARG MODULE
COPY scripts/dependencies.py scripts/
COPY artstore-kit/pyproject.toml artstore-kit/
COPY ${MODULE}/pyproject.toml ${MODULE}/
RUN --mount=type=cache,target=/root/.cache/uv \
    python scripts/dependencies.py artstore-kit "$MODULE" > wanted.txt \
    && uv pip install --quiet --constraints requirements.lock --requirements wanted.txt

FROM base AS sources
ARG MODULE
COPY artstore-kit/src/ ${MODULE}/src/ /app/src/
RUN rm -r /app/src/artstore_kit/testing \
    && python -m compileall -q --invalidation-mode unchecked-hash /app/src

FROM ${MODULE} AS runtime
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=sources /app/src /app/src
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --start-interval=1s \
    CMD ["python", "-m", "artstore_kit.probe"]

FROM dependencies AS debugging
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --quiet --constraints requirements.lock debugpy watchfiles

FROM ${MODULE} AS dev
COPY --from=debugging /opt/venv /opt/venv
COPY --from=sources /app/src /app/src
USER 10001:10001
EXPOSE 5678
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --start-interval=1s \
    CMD ["python", "-m", "artstore_kit.probe"]
ENTRYPOINT ["sh", "-c", "exec watchfiles --filter python \
    \"python -Xfrozen_modules=off -m debugpy --listen 0.0.0.0:5678 -m $PACKAGE\" /app/src"]

FROM installer AS test
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --quiet --require-hashes --requirements requirements.lock
COPY --chown=artstore:artstore . .
RUN install --directory --owner artstore --group artstore htmlcov
ENV PYTHONPATH=/app/artstore-kit/src:/app/artstore-client/src:/app/admin-module/src:/app/storage-element/src:/app/ingester-module/src:/app/query-module/src
ARG MODULE
ENV MODULE=${MODULE}
USER 10001:10001
ENTRYPOINT ["scripts/run-tests.sh"]
